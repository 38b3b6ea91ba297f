import type { EntityMetadata, MetadataStorage } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from '../errors.js';
import { keptGroups, type CounterGroup, type ResolvedCounter } from './counter-group.js';
import { refuseUnknownOptions, type Counter, type CounterStrategy } from './define-counter.js';
import { entityOfTable, isSameTable } from './inheritance.js';
import { kept } from './kept.js';
import { hasTypeTables, isOfType, placesOf, tableWith } from './rows-of-types.js';
import { groupOf } from './resolve-counter.js';
import { levelsOf, summedBy } from './sums-of-counts.js';
import { watchedColumns } from './watched-columns.js';

/** The counters by their entities, as counted rows or as target; made once from the declarations and the metadata. */
export class CounterRegistry {
  readonly groups: readonly CounterGroup[];
  /** True where a counter sums another one. */
  readonly hasLevels: boolean;
  readonly #countedBy = new WeakMap<object, Partial<Record<Reach, readonly CounterGroup[]>>>();
  readonly #countersOn = new WeakMap<object, readonly ResolvedCounter[]>();
  /** The number of entities that were examined. */
  readonly #entities: number;

  constructor(
    declarations: readonly Counter[],
    em: SqlEntityManager,
    readonly strategy: CounterStrategy,
  ) {
    this.#entities = em.getMetadata().getAll().size;
    const groups = new Map<string, CounterGroup & { counters: ResolvedCounter[] }>();
    const resolvedOf = new Map<Counter, ResolvedCounter>();
    const sums = new Map<ResolvedCounter, Counter>();
    for (const counter of declarations) {
      refuseUnknownOptions(counter);
      const summed = summedBy(counter, declarations, em.getMetadata());
      const resolved = groupOf(summed?.declaration ?? counter, em);
      const [made] = resolved.counters as [ResolvedCounter];
      resolvedOf.set(counter, made);
      if (summed) sums.set(made, summed.of);
      const key = `${resolved.counted.uniqueName} ${resolved.slot}`;
      const group = groups.get(key);
      if (!group) groups.set(key, resolved);
      else group.counters.push(...resolved.counters);
    }
    refuseSharedForeignKeys([...groups.values()]);
    for (const [counter, of] of sums) counter.through = resolvedOf.get(of)!;
    this.hasLevels = sums.size > 0;
    const levels = levelsOf([...groups.values()]);
    // What a sum is made of is locked before the sum.
    const tables = [...levels].toSorted(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).map(([table]) => table);
    this.groups = [...groups.values()]
      .map(group => ({
        ...group,
        order: tables.indexOf(group.target.tableName),
        level: levels.get(group.target.tableName)!,
      }))
      .toSorted((a, b) => a.order - b.order);
    for (const { target } of this.groups)
      refuseUnlikeShares(this.groups.filter(one => one.target.class === target.class));
    this.#refuseSpreadSums();
    this.#refuseStoredCountsAsInput();
    this.#refuseTouchedInput();
    this.#refuseSumsBesideKeptTargets();
  }

  /**
   * Refuses to count rows by a relation to several entities whose own counts are summed by another relation
   * (COUNTER_DECLARATION): bulk writes lock their targets too late to find out which are missing.
   */
  #refuseSumsBesideKeptTargets(): void {
    const group = keptGroups(this.groups).find(({ counted }) => this.rankOf(counted) > 0);
    if (!group) return;
    const { counted, by, counters } = group;
    throw new CounterError(
      'COUNTER_DECLARATION',
      `The counter ${counted.className}.${by} → ${counters[0]!.property} counts rows by a relation to several entities, and what these rows store is summed by another relation. Count by relations to one entity each.`,
    );
  }

  /**
   * Refuses to sum stored counts that stand in another table than the relation by which they are summed
   * (COUNTER_DECLARATION): both are read from the row that is locked.
   */
  #refuseSpreadSums(): void {
    for (const { type, counted, by, foreignKey, counters } of this.groups) {
      if (!hasTypeTables(counted)) continue;
      const sum = counters.find(({ through }) => through);
      const columns = sum && [...foreignKey, sum.through!.column];
      if (sum && columns!.some(column => tableWith(type, column).class !== type.class))
        throw new CounterError(
          'COUNTER_DECLARATION',
          `The counter ${type.className}.${by} → ${sum.property} sums ${sum.through!.name} by columns of several tables: ${placesOf(type, columns!)}. Let both stand in the table of one entity, and count through that.`,
        );
    }
  }

  /**
   * Refuses to touch stored counts, and what decides whether and where rows of the target are counted
   * (COUNTER_DECLARATION): they would be changed without being counted.
   */
  #refuseTouchedInput(): void {
    for (const { counted, by, target, counters } of this.groups) {
      const stored = this.countersOn(target).map(({ column }) => column);
      const watched = watchedColumns(this.countedBy(target));
      for (const { property, touches } of counters)
        for (const { property: name, column } of touches) {
          const problem = stored.includes(column)
            ? 'is a stored count'
            : watched.includes(column)
              ? `decides how ${target.className} rows are counted themselves`
              : undefined;
          if (problem)
            throw new CounterError(
              'COUNTER_DECLARATION',
              `The counter ${counted.className}.${by} → ${property} touches "${name}", which ${problem}; touch another property.`,
            );
        }
    }
  }

  /**
   * Refuses conditions on a stored count, and sums of one (COUNTER_DECLARATION): the engine changes it without counting
   * its row again.
   */
  #refuseStoredCountsAsInput(): void {
    for (const { counted, type, by, counters } of this.groups) {
      const stored = this.storedOn(counted)
        .filter(({ target }) => !hasTypeTables(target) || isOfType(type, target) || isOfType(target, type))
        .flatMap(group => group.counters.map(({ column }) => column));
      for (const { property, condition, amount, through } of counters) {
        const column = condition.tests.flatMap(({ columns }) => columns).find(one => stored.includes(one));
        if (column)
          throw new CounterError(
            'COUNTER_DECLARATION',
            `The condition of the counter ${counted.className}.${by} → ${property} asks for ${column}, which is a stored count itself; ask for something that the application writes.`,
          );
        const shares = this.storedOn(counted).flatMap(group =>
          group.counters.filter(one => one.column === through?.column),
        );
        if (shares.length > 1)
          throw new CounterError(
            'COUNTER_DECLARATION',
            `The counter ${counted.className}.${by} → ${property} sums ${through!.name}, which several counters share; give each a column of its own.`,
          );
        if (through && !firstOf(through).amount.of && amount.into.scale > 0)
          throw new CounterError(
            'COUNTER_DECLARATION',
            `The counter ${counted.className}.${by} → ${property} has ${amount.into.scale} decimals, and a count has none; give it the type "integer".`,
          );
        if (!through && amount.of && stored.includes(amount.of.column))
          throw new CounterError(
            'COUNTER_DECLARATION',
            `The counter ${counted.className}.${by} → ${property} sums ${amount.of.column}, which is a stored count itself; to count through two relations, give them to "by", as in "thread.board".`,
          );
      }
    }
  }

  /** Returns true unless entities were discovered since. */
  isOf(metadata: MetadataStorage): boolean {
    return (
      metadata.getAll().size === this.#entities &&
      this.groups.every(({ counted, target }) => [counted, target].every(meta => metadata.find(meta.class) === meta))
    );
  }

  /**
   * Returns the groups that count rows of the table of this entity: always the same list, for it is asked for each row.
   * Where each type has a table, `reach` says which of its rows.
   */
  countedBy(meta: EntityMetadata, reach: Reach = 'known'): readonly CounterGroup[] {
    if (!hasTypeTables(meta)) reach = 'known';
    const lists = kept(
      this.#countedBy,
      hasTypeTables(meta) ? meta.class : entityOfTable(meta).class,
      (): Partial<Record<Reach, readonly CounterGroup[]>> => ({}),
    );
    return (lists[reach] ??= this.groups.filter(({ counted, type }) => {
      if (!isSameTable(counted, meta)) return false;
      return (
        !hasTypeTables(meta) || (reach !== 'table' && isOfType(meta, type)) || (reach !== 'new' && isOfType(type, meta))
      );
    }));
  }

  /** Returns the groups that keep a stored count on rows that have their keys in the table of this entity. */
  storedOn(meta: EntityMetadata): CounterGroup[] {
    return this.groups.filter(({ target }) => isSameTable(target, meta));
  }

  /** Returns how many levels of stored counts are to be changed before a row of this entity is counted. */
  rankOf(meta: EntityMetadata): number {
    if (!this.hasLevels) return 0;
    const summed = this.countedBy(meta).some(({ counters }) => counters.some(({ through }) => through));
    return summed ? Math.max(...this.storedOn(meta).map(({ level }) => level)) + 1 : 0;
  }

  /** Returns the counters whose stored counts are columns of this entity, one for each column. */
  countersOn(meta: EntityMetadata): readonly ResolvedCounter[] {
    return kept(this.#countersOn, meta.class, () =>
      withoutShares(
        this.storedOn(meta)
          .filter(({ target }) => !hasTypeTables(target) || isOfType(meta, target))
          .flatMap(({ counters }) => counters),
      ),
    );
  }
}

/**
 * Which rows of an entity are meant where each type has a table: `known`: those that an entity manager knows as such, which
 * may be of a type that extends it; `new`: those of this type alone; `table`: whatever a statement on its table alone
 * changes.
 */
export type Reach = 'known' | 'new' | 'table';

/** Returns the counter with which a sum of sums begins. */
function firstOf(counter: ResolvedCounter): ResolvedCounter {
  return counter.through ? firstOf(counter.through) : counter;
}

/** Counters as they were declared for an ORM, of which the metadata make a registry. An ORM has it as a subscriber. */
export class DeclaredCounters {
  readonly #registries = new WeakMap<MetadataStorage, CounterRegistry>();

  constructor(
    readonly counters: readonly Counter[],
    readonly strategy: CounterStrategy = 'hooks',
  ) {}

  /** Returns the counters resolved against an ORM's entities. Errors: COUNTER_DECLARATION. */
  registry(em: SqlEntityManager): CounterRegistry {
    const metadata = em.getMetadata();
    const known = this.#registries.get(metadata);
    if (known?.isOf(metadata)) return known;
    const registry = new CounterRegistry(this.counters, em, this.strategy);
    this.#registries.set(metadata, registry);
    return registry;
  }
}

/** Returns the counters that an entity manager keeps; undefined for an ORM that was started without withCounters(). */
export function registryOf(em: SqlEntityManager): CounterRegistry | undefined {
  const declared: unknown = [...em.config.get('subscribers')].find(one => one instanceof DeclaredCounters);
  return (declared as DeclaredCounters | undefined)?.registry(em);
}

/** Returns the counters of an ORM. Errors: COUNTER_DECLARATION for one that keeps none. */
export function requireRegistry(em: SqlEntityManager): CounterRegistry {
  const registry = registryOf(em);
  if (!registry)
    throw new CounterError('COUNTER_DECLARATION', 'This ORM keeps no counters: start it with withCounters().');
  return registry;
}

/** Returns counters without those that share the column of another one. */
export function withoutShares(counters: readonly ResolvedCounter[]): ResolvedCounter[] {
  return counters.filter(({ column }, index) => counters.findIndex(other => other.column === column) === index);
}

/**
 * Refuses counters that cannot share a column of one target (COUNTER_DECLARATION): those by one relation, and sums. The
 * others each add their own rows to it, so that it stores how many there are of all.
 */
function refuseUnlikeShares(groups: readonly CounterGroup[]): void {
  const refusal = ({ name }: ResolvedCounter, problem: string): CounterError =>
    new CounterError('COUNTER_DECLARATION', `Two counters are declared into ${name}, ${problem}.`);
  for (const { counters, by } of groups) {
    const twice = counters.find(({ column }, index) => counters.findIndex(other => other.column === column) < index);
    if (twice) throw refusal(twice, `both by "${by}"; declare one, with $or in its condition`);
  }
  const all = groups.flatMap(({ counters }) => counters);
  for (const [column, sharing] of Map.groupBy(all, counter => counter.column)) {
    const sum = sharing.length > 1 && sharing.find(({ amount }) => amount.of);
    if (sum) throw refusal(sum, `one of which is a sum; give each a column of its own and not ${column}`);
  }
}

/** Refuses two relations with the same columns (COUNTER_DECLARATION), by each of which rows would be counted. */
function refuseSharedForeignKeys(groups: readonly CounterGroup[]): void {
  for (const [index, { counted, type, target, foreignKey, by, counters }] of groups.entries()) {
    const twin = groups
      .slice(0, index)
      .find(other => other.counted === counted && other.foreignKey.join() === foreignKey.join());
    // To several entities, of several types, or into several tables of a type, by one relation.
    const isShared = twin && (twin.discriminator || twin.type !== type || twin.target !== target);
    if (twin && !(isShared && twin.by === by))
      throw new CounterError(
        'COUNTER_DECLARATION',
        `${twin.counters[0]!.name} and ${counters[0]!.name} count ${counted.className} rows by "${twin.by}" and "${by}", which have the same column ${foreignKey.join(', ')}. Declare both by one of them.`,
      );
  }
}
