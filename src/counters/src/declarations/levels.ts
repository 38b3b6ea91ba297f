import type { EntityMetadata } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { columnList, inRange, quoted, tableName, type Fragment, type KeyRange } from '../sql/fragments.js';
import type { CounterGroup, ResolvedCounter } from './counter-group.js';
import type { CounterRegistry } from './registry.js';
import { hasTypeTables } from './rows-of-types.js';
import { groupsIn, groupsInto, type LocatedGroup } from './schemas.js';
import { rowsSql } from './type-tables.js';

/** The counters of another group that sum counters of one, by their places in both. */
export interface Onward {
  readonly group: LocatedGroup;
  readonly places: readonly (readonly [from: number, to: number])[];
}

const onwards = new WeakMap<CounterGroup, readonly Onward[]>();

/** Returns what sums the stored counts of a group. */
export function onwardOf(em: SqlEntityManager, registry: CounterRegistry, group: CounterGroup): readonly Onward[] {
  let known = onwards.get(group);
  if (!known) {
    const all = groupsIn(em, registry, group.target, group.targetSchema);
    known = all
      .map(one => ({
        group: one,
        places: one.counters.flatMap(({ through }, to) => {
          const from = through ? group.counters.indexOf(through) : -1;
          return from < 0 ? [] : [[from, to] as const];
        }),
      }))
      .filter(({ places }) => places.length > 0);
    onwards.set(group, known);
  }
  return known;
}

/**
 * Returns the groups that count into the rows of an entity in a schema, where what they store is summed: of rows with
 * parts in several tables, those of all parts, which are read and locked together.
 */
export function summedInto(
  em: SqlEntityManager,
  registry: CounterRegistry,
  meta: EntityMetadata,
  schema: string,
): LocatedGroup[] {
  if (!registry.hasLevels || registry.storedOn(meta).length === 0) return [];
  const groups = groupsInto(em, registry, meta, schema);
  const summed = groups.filter(group => onwardOf(em, registry, group).length > 0);
  return summed.length > 0 && hasTypeTables(meta) ? groups : summed;
}

/** Returns some groups with all that sums their stored counts, and that sums those. */
export function withOnward(
  em: SqlEntityManager,
  registry: CounterRegistry,
  groups: readonly LocatedGroup[],
): readonly LocatedGroup[] {
  if (!registry.hasLevels) return groups;
  const all = new Set(groups);
  // A set goes on to what is added to it meanwhile.
  for (const group of all) for (const onward of onwardOf(em, registry, group)) all.add(onward.group);
  return [...all];
}

/** The way from counted rows to the target of a counter: the groups that lead there, and what each row adds. */
export interface Way {
  /** The first counts the rows, each other one the targets of the one before. */
  readonly groups: readonly [LocatedGroup, ...LocatedGroup[]];
  readonly counter: ResolvedCounter;
}

/** Returns the way on which a counter of a group counts. */
export function wayOf(
  em: SqlEntityManager,
  registry: CounterRegistry,
  group: LocatedGroup,
  counter: ResolvedCounter,
): Way {
  const { through } = counter;
  if (!through) return { groups: [group], counter };
  const before = groupsInto(em, registry, group.counted, group.countedSchema).find(({ counters }) =>
    counters.includes(through),
  )!;
  const way = wayOf(em, registry, before, through);
  const { condition, amount } = way.counter;
  const { of, ...into } = counter.amount;
  // A row adds what it adds to the first stored count, in the units of the last.
  return {
    groups: [...way.groups, group],
    counter: { ...counter, condition, amount: { ...into, ...(amount.of && { of: amount.of }) } },
  };
}

/** Returns the condition that the rows of a group refer to targets of a range of primary keys. */
export function refersTo(em: SqlEntityManager, group: LocatedGroup, range: KeyRange, alias: string): Fragment {
  const { foreignKey, target, targetKey, targetSchema, primaryKey, uniqueKey } = group;
  if (uniqueKey === undefined) return inRange(em, foreignKey, range, alias);
  const { sql, parameters } = inRange(em, primaryKey, range);
  return {
    sql: `${alias}${quoted(em, foreignKey[0]!)} in (select ${columnList(em, targetKey)} from ${tableName(em, target, targetSchema)} where ${sql})`,
    parameters,
  };
}

/** Returns the tables on a way, joined: the rows under an alias with the end `_0`, those between with `_1` and so on. */
export function joinedSql(em: SqlEntityManager, [first, ...others]: Way['groups'], alias: string): string {
  const joins = others.map((other, index) => {
    const { foreignKey, targetKey } = index === 0 ? first : others[index - 1]!;
    const equal = targetKey.map(
      (column, place) =>
        `${alias}_${index + 1}.${quoted(em, column)} = ${alias}_${index}.${quoted(em, foreignKey[place]!)}`,
    );
    return ` join ${rowsSql(em, other)} ${alias}_${index + 1} on ${equal.join(' and ')}`;
  });
  return `${rowsSql(em, first)} ${alias}_0${joins.join('')}`;
}
