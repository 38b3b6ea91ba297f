import { isDeepStrictEqual } from 'node:util';
import type { EntityMetadata, EntityProperty, MetadataStorage } from '@mikro-orm/core';
import { CounterError } from '../errors.js';
import type { Counter } from './define-counter.js';
import { countedMeta, refusing } from './refused-declaration.js';
import { entityOfTable } from './inheritance.js';
import { hasTypeTables } from './rows-of-types.js';

// A counter through several relations, as of posts by their thread's board, is a sum: of what each thread stores, by its
// board. So it needs the counter of posts by their thread, and everything that changes a thread's count, or moves the
// thread, changes the board's.

/** What a counter through several relations sums: the stored count of rows that are counted themselves. */
export interface Summed {
  /** The rows between, with their own relation, in the form of a declaration. */
  readonly declaration: Counter;
  /** The declaration of the count that they store. */
  readonly of: Counter;
}

/**
 * Returns the sum that a counter through several relations is; undefined for one through a single relation. Errors:
 * COUNTER_DECLARATION where the stored count is not declared.
 */
export function summedBy(
  counter: Counter,
  declarations: readonly Counter[],
  metadata: MetadataStorage,
): Summed | undefined {
  const end = counter.by.lastIndexOf('.');
  if (end < 0) return undefined;
  const [before, last] = [counter.by.slice(0, end), counter.by.slice(end + 1)];
  const refuse = refusing(counter);
  const counted = countedMeta(counter, metadata);
  const between = before.split('.').reduce<EntityMetadata | undefined>((meta, name) => {
    const property: EntityProperty | undefined = meta?.properties[name as never];
    if (property?.polymorphic)
      throw refuse(
        `"${name}" leads to several entities, through which nothing is counted; count through a relation to one`,
      );
    return property?.targetMeta;
  }, counted);
  if (!between) throw refuse(`"${before}" must name relations, from one entity to the next`);
  if (!hasTypeTables(between) && entityOfTable(between) !== between)
    throw refuse(
      `${between.className} shares the table of ${between.root.className}, whose rows of other types would be summed as well; count through ${between.root.className}`,
    );
  const equal = declarations.filter(
    one =>
      one.counted === counter.counted &&
      one.by === before &&
      one.sum === counter.sum &&
      isDeepStrictEqual(one.where ?? {}, counter.where ?? {}),
  );
  // While a count moves to another column, two that are equal but for their types stand side by side at each level.
  const of = equal.find(({ into }) => into === counter.into) ?? equal[0];
  if (!of)
    throw refuse(
      `it adds up what each ${between.className} stores, and no such count is declared; declare one of ${counter.counted.name} by "${before}" with the same "where"${counter.sum === undefined ? '' : ' and "sum"'}`,
    );
  const { into, touch } = counter;
  return {
    declaration: { counted: between.class, by: last, into, sum: of.into, ...(touch !== undefined && { touch }) },
    of,
  };
}

/** The counters by one relation, as far as it matters here. */
interface Summing {
  readonly type: EntityMetadata;
  readonly target: EntityMetadata;
  readonly counters: readonly { readonly name: string; readonly through?: object }[];
}

/** Returns how many levels of sums lead to each table. Errors: COUNTER_DECLARATION where they lead back to themselves. */
export function levelsOf(groups: readonly Summing[]): ReadonlyMap<string, number> {
  const levels = new Map<string, number>();
  const levelOf = (table: string, above: readonly string[]): number => {
    const known = levels.get(table);
    if (known !== undefined) return known;
    const summing = groups.filter(
      ({ target, counters }) => target.tableName === table && counters.some(({ through }) => through),
    );
    const circle = summing.find(({ type }) => [...above, table].includes(type.tableName));
    if (circle)
      throw new CounterError(
        'COUNTER_DECLARATION',
        `${circle.counters.find(({ through }) => through)!.name} is counted through relations that lead back to ${circle.type.className}, where there is no first and no last to be locked. Count through relations of different tables.`,
      );
    const level = Math.max(0, ...summing.map(({ type }) => levelOf(type.tableName, [...above, table]) + 1));
    levels.set(table, level);
    return level;
  };
  for (const { target } of groups) levelOf(target.tableName, []);
  return levels;
}
