import type { EntityMetadata, EntityName } from '@mikro-orm/core';
import type { QueryBuilder, SqlEntityManager } from '@mikro-orm/sql';
import { bypassRefused } from './events.js';
import { countersOn, refuseStoredCounts, withoutAlias } from './guards.js';
import type { CounterRegistry } from './registry.js';
import { watchedColumns, watchedProperties } from './row-state.js';

/** Gives what a check needs to know about the entity manager whose method is called. */
interface CheckContext {
  readonly em: SqlEntityManager;
  readonly registry: CounterRegistry;
}

/** Checks the parameters of one method and gives those to go on with, or throws COUNTER_BYPASS or COUNTER_ASSIGNED. */
export type BypassCheck = (context: CheckContext, parameters: unknown[]) => unknown[];

const TRUNCATE = 'QueryBuilder.truncate()';

const ways = {
  insert: 'em.create(), or insertMany() of the counters for many rows',
  update: 'a change of the entities and a flush, or updateWhere() of the counters for many rows',
  delete: 'em.remove(), or deleteWhere() of the counters for many rows',
};

/** Lists the entity manager's methods that write without hooks, each with its check. */
export const bypassChecks = {
  insert: checkInsert('em.insert()'),
  insertMany: checkInsert('em.insertMany()'),
  upsert: checkUpsert('em.upsert()'),
  upsertMany: checkUpsert('em.upsertMany()'),
  nativeUpdate: ({ em, registry }, parameters) => {
    refuseUpdate(registry, 'em.nativeUpdate()', em.getMetadata(parameters[0] as EntityName<object>) as EntityMetadata, parameters[2] as object);
    return parameters;
  },
  nativeDelete: ({ em, registry }, parameters) => {
    refuseCounted(registry, 'em.nativeDelete()', em.getMetadata(parameters[0] as EntityName<object>) as EntityMetadata, ways.delete);
    return parameters;
  },
  clone: checkClone,
} satisfies Record<string, BypassCheck>;

/** Makes a query builder refuse the writes that would alter a count; its clones refuse them too. */
export function guardBuilder<Builder extends object>(registry: CounterRegistry, builder: Builder): Builder {
  const { meta } = (builder as unknown as QueryBuilder<object>).mainAlias as unknown as { meta: EntityMetadata };
  if (registry.countedBy(meta).length === 0 && registry.storedOn(meta).length === 0) return builder;
  let inserted: object[] = [];
  const checks: Record<string, (data: unknown) => void> = {
    insert: data => {
      refuseCounted(registry, 'QueryBuilder.insert()', meta, ways.insert);
      inserted = [data].flat() as object[];
      for (const row of inserted) refuseStoredCounts(registry, meta, row, true);
    },
    // Rows that were there already get what is merged: the fields that are named, else all that are inserted.
    merge: data => {
      const named = Array.isArray(data) ? [Object.fromEntries(data.map(name => [name, undefined]))] : [data ?? inserted].flat();
      for (const row of named) refuseStoredCounts(registry, meta, row as object, false);
    },
    insertFrom: () => {
      refuseCounted(registry, 'QueryBuilder.insertFrom()', meta, ways.insert);
      refuseTarget(registry, 'QueryBuilder.insertFrom()', meta);
    },
    update: data => refuseUpdate(registry, 'QueryBuilder.update()', meta, data as object),
    delete: () => refuseCounted(registry, 'QueryBuilder.delete()', meta, ways.delete),
    truncate: () => refuseCounted(registry, TRUNCATE, meta, ways.delete),
  };
  const methods = builder as unknown as Record<string, (...parameters: unknown[]) => unknown>;
  for (const [name, check] of Object.entries(checks)) {
    const original = methods[name]!.bind(builder);
    methods[name] = (...parameters) => {
      check(parameters[0]);
      return original(...parameters);
    };
  }
  const clone = methods['clone']!.bind(builder);
  methods['clone'] = (...parameters) => guardBuilder(registry, clone(...parameters) as object);
  return builder;
}

function checkInsert(way: string): BypassCheck {
  return ({ em, registry }, parameters) => {
    const { meta, rows } = rowsNamed(em, parameters);
    refuseCounted(registry, way, meta, ways.insert);
    for (const row of rows) refuseStoredCounts(registry, meta, row, true);
    return parameters;
  };
}

function checkUpsert(way: string): BypassCheck {
  return ({ em, registry }, parameters) => {
    const { meta, rows } = rowsNamed(em, parameters);
    refuseCounted(registry, way, meta, 'a transaction that finds the row, then em.create() or a change of it');
    for (const row of rows) refuseStoredCounts(registry, meta, row, false);
    return parameters;
  };
}

/** Lets a target be cloned, with stored counts that start at 0, for the clone has no rows yet. */
function checkClone({ em, registry }: CheckContext, [first, ...rest]: unknown[]): unknown[] {
  const named = typeof first === 'object' && first !== null && !('meta' in first) ? first.constructor : undefined;
  const meta = em.getMetadata((named ?? first) as EntityName<object>) as EntityMetadata;
  refuseCounted(registry, 'em.clone()', meta, 'em.create()');
  const place = named ? 0 : 1;
  const overrides = (rest[place] ?? {}) as object;
  refuseStoredCounts(registry, meta, overrides, true);
  rest[place] = { ...overrides, ...Object.fromEntries(countersOn(registry, meta).map(({ property }) => [property, 0])) };
  return [first, ...rest];
}

function refuseUpdate(registry: CounterRegistry, way: string, meta: EntityMetadata, data: object): void {
  const groups = registry.countedBy(meta);
  const watched = [...watchedProperties(groups), ...watchedColumns(groups)];
  if (Object.keys(data).some(name => watched.includes(withoutAlias(name)))) refuseCounted(registry, way, meta, ways.update);
  refuseStoredCounts(registry, meta, data, false);
}

function refuseCounted(registry: CounterRegistry, way: string, meta: EntityMetadata, wayOut: string): void {
  const counters = registry.countedBy(meta).flatMap(group => group.counters.map(({ name }) => name));
  // Triggers see every write but TRUNCATE.
  if (counters.length === 0 || (registry.strategy === 'triggers' && way !== TRUNCATE)) return;
  throw bypassRefused(meta.className, `${way} on ${meta.className} would write past ${counters.join(' and ')}. Use ${wayOut}.`);
}

function refuseTarget(registry: CounterRegistry, way: string, meta: EntityMetadata): void {
  const counters = countersOn(registry, meta).map(({ name }) => name);
  if (counters.length === 0) return;
  throw bypassRefused(meta.className, `${way} on ${meta.className} would copy ${counters.join(' and ')}. Use em.create() or em.clone().`);
}

function rowsNamed(em: SqlEntityManager, [first, second]: readonly unknown[]): { meta: EntityMetadata; rows: object[] } {
  const rows = [second ?? first].flat() as object[];
  const name = second === undefined ? rows[0]?.constructor : first;
  return { meta: em.getMetadata(name as EntityName<object>) as EntityMetadata, rows };
}
