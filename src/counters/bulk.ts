import { LockMode, Reference, TransactionPropagation, Utils, type EntityClass, type EntityMetadata, type EntityProperty, type FilterQuery, type RequiredEntityData } from '@mikro-orm/core';
import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from './errors.js';
import { hashOf, type Key } from './key.js';
import { keyColumns, type CounterGroup, type CounterRegistry } from './registry.js';
import { keyOf, stateInDatabase, watchedProperties } from './row-state.js';
import { Statements, type CountedRow } from './statements.js';
import { StoredCounts, type KeyedDelta } from './stored-counts.js';
import { registryOf } from './subscriber.js';
import { Tally, type RowState } from './tally.js';

/** Limits the rows that one INSERT, UPDATE or DELETE of a bulk write names. */
const CHUNK = 1000;

/**
 * Inserts many counted rows with summed deltas: one UPDATE for each target, then multi-row INSERTs.
 *
 * Runs in the open transaction, else in its own. Values come as for em.insertMany(): property names, relations as keys.
 * Properties left out take their onCreate value or default. Gives the number of rows. Errors: as the database's own for
 * duplicates, and then nothing is written; COUNTER_TARGET_MISSING.
 */
export async function insertMany<Entity extends object>(em: SqlEntityManager, entity: EntityClass<Entity>, rows: readonly RequiredEntityData<Entity>[]): Promise<number> {
  const { meta, groups } = described(em, entity);
  if (rows.length === 0) return 0;
  return inTransaction(em, async inner => {
    const filled = rows.map(row => withDefaults(inner, meta, row));
    const tally = new Tally();
    for (const row of filled) tally.change(groups, null, stateOfData(row, groups));
    const stored = new StoredCounts(inner, statementsOf(inner));
    await stored.add(tally.deltas() as KeyedDelta[]);
    for (let start = 0; start < filled.length; start += CHUNK) {
      await driverOf(inner).nativeInsertMany(entity, filled.slice(start, start + CHUNK) as never, { ctx: inner.getTransactionContext() });
    }
    return filled.length;
  });
}

/** Updates all counted rows that match, in the open transaction or its own; gives their number. Errors: COUNTER_CONFLICT. */
export function updateWhere<Entity extends object>(em: SqlEntityManager, entity: EntityClass<Entity>, where: FilterQuery<Entity>, data: Partial<RequiredEntityData<Entity>>): Promise<number> {
  return changeWhere(em, entity, where, data);
}

/** Deletes all counted rows that match, in the open transaction or its own; gives their number. Errors: COUNTER_CONFLICT. */
export function deleteWhere<Entity extends object>(em: SqlEntityManager, entity: EntityClass<Entity>, where: FilterQuery<Entity>): Promise<number> {
  return changeWhere(em, entity, where, null);
}

/**
 * Locks target rows of a counter in ascending key order, as the engine does, and gives the keys that exist.
 *
 * For transactions of several flushes: locking all targets first keeps the order that prevents deadlocks.
 */
export async function lockTargets(em: SqlEntityManager, entity: EntityClass<object>, by: string, keys: readonly Key[]): Promise<Key[]> {
  const group = described(em, entity).groups.find(one => one.by === by);
  if (!group) throw new CounterError('COUNTER_DECLARATION', `${entity.name} is not counted by "${by}".`);
  const stored = new StoredCounts(em, statementsOf(em));
  await stored.lock(group, keys);
  return keys.filter(key => stored.isLocked(group, key));
}

async function changeWhere<Entity extends object>(em: SqlEntityManager, entity: EntityClass<Entity>, where: FilterQuery<Entity>, data: object | null): Promise<number> {
  const { registry, meta, groups } = described(em, entity);
  return inTransaction(em, async inner => {
    const stored = new StoredCounts(inner, statementsOf(inner));
    const patch = data === null ? null : stateOfData(data as Record<string, unknown>, groups);
    await lockAll(registry, stored, await statesWhere(inner, meta, groups, where, false), groups, patch);
    const rows = await statesWhere(inner, meta, groups, where, true);
    const tally = new Tally();
    for (const { state } of rows) {
      requireLocked(meta, groups, state, stored);
      tally.change(groups, state, patch && { values: { ...state.values, ...patch.values }, targets: { ...state.targets, ...patch.targets } });
    }
    await stored.add(tally.deltas() as KeyedDelta[]);
    for (let start = 0; start < rows.length; start += CHUNK) {
      const chosen = keyCondition(meta, rows.slice(start, start + CHUNK).map(({ key }) => key));
      const options = { ctx: inner.getTransactionContext() };
      if (data === null) await driverOf(inner).nativeDelete(entity, chosen as never, options);
      else await driverOf(inner).nativeUpdate(entity, chosen as never, withUpdateValues(inner, meta, data) as never, options);
    }
    stored.refresh();
    return rows.length;
  });
}

async function lockAll(registry: CounterRegistry, stored: StoredCounts, rows: readonly { state: RowState }[], groups: readonly CounterGroup[], patch: RowState | null): Promise<void> {
  for (const group of registry.groups.filter(one => groups.includes(one))) {
    const states = patch ? [...rows.map(({ state }) => state), patch] : rows.map(({ state }) => state);
    const keys = new Map<string, Key>();
    for (const { targets } of states) {
      const target = targets[group.by];
      if (target && 'key' in target) keys.set(hashOf(target.key), target.key);
    }
    if (keys.size > 0) await stored.lock(group, [...keys.values()]);
  }
}

function requireLocked(meta: EntityMetadata, groups: readonly CounterGroup[], state: RowState, stored: StoredCounts): void {
  for (const group of groups) {
    const target = state.targets[group.by];
    if (!target || !('key' in target) || stored.isLocked(group, target.key)) continue;
    throw new CounterError('COUNTER_CONFLICT', `While ${meta.className} rows were being chosen, one came to ${group.target.className} ${target.key.join(', ')}. Repeat the change in a new transaction.`);
  }
}

async function statesWhere(em: SqlEntityManager, meta: EntityMetadata, groups: readonly CounterGroup[], where: unknown, lock: boolean): Promise<{ key: Key; state: RowState }[]> {
  const builder = driverOf(em).createQueryBuilder(meta.class as EntityClass<object>, em.getTransactionContext(), 'write', false);
  builder.select([...new Set([...meta.primaryKeys, ...watchedProperties(groups)])] as never).where(where as never);
  if (lock) builder.setLockMode(LockMode.PESSIMISTIC_WRITE);
  const rows = await builder.execute<CountedRow[]>('all', { mapResults: false });
  return rows.map(row => ({ key: keyColumns(meta).map(column => row[column]), state: stateInDatabase(row, groups) }));
}

function keyCondition(meta: EntityMetadata, keys: readonly Key[]): object {
  const name = Utils.getPrimaryKeyHash(meta.primaryKeys as string[]);
  return { [name]: { $in: keys.map(key => (key.length === 1 ? key[0] : key)) } };
}

function withDefaults(em: SqlEntityManager, meta: EntityMetadata, row: object): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...row };
  for (const property of meta.props as EntityProperty[]) {
    if (filled[property.name] !== undefined) continue;
    if (property.onCreate) filled[property.name] = property.onCreate(filled, em);
    else if (property.default !== undefined && property.default !== null) filled[property.name] = property.default;
  }
  return filled;
}

function withUpdateValues(em: SqlEntityManager, meta: EntityMetadata, data: object): object {
  const updates = (meta.props as EntityProperty[]).filter(property => property.onUpdate && !(property.name in data));
  return { ...data, ...Object.fromEntries(updates.map(property => [property.name, property.onUpdate!(data, em)])) };
}

function stateOfData(data: Record<string, unknown>, groups: readonly CounterGroup[]): RowState {
  const pointer = (value: unknown): RowState['targets'][string] => {
    if (value === null || value === undefined) return null;
    const target = Reference.unwrapReference(value as object) as unknown;
    return { key: Utils.isEntity(target) ? keyOf(target as object) : ([target].flat(Infinity) as Key) };
  };
  return { values: data, targets: Object.fromEntries(groups.filter(({ by }) => by in data).map(({ by }) => [by, pointer(data[by])])) };
}

function described<Entity extends object>(em: SqlEntityManager, entity: EntityClass<Entity>): { registry: CounterRegistry; meta: EntityMetadata; groups: CounterGroup[] } {
  const registry = registryOf(em);
  const meta = em.getMetadata(entity) as unknown as EntityMetadata;
  const groups = registry?.countedBy(meta) ?? [];
  if (!registry || groups.length === 0) throw new CounterError('COUNTER_DECLARATION', `No counter counts ${meta.className}. Declare one, or write with the entity manager.`);
  return { registry, meta, groups };
}

function inTransaction<Result>(em: SqlEntityManager, work: (em: SqlEntityManager) => Promise<Result>): Promise<Result> {
  return em.transactional(inner => work(inner as SqlEntityManager), { propagation: TransactionPropagation.REQUIRED });
}

function statementsOf(em: SqlEntityManager): Statements {
  const transaction = em.getTransactionContext();
  if (!transaction) throw new CounterError('COUNTER_TRANSACTION', 'Locking counted targets needs an open transaction: use em.transactional().');
  return new Statements(em, transaction);
}

function driverOf(em: SqlEntityManager): AbstractSqlDriver {
  return em.getDriver() as AbstractSqlDriver;
}
