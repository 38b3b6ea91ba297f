import {
  QueryHelper,
  LockMode,
  Utils,
  type EntityClass,
  type EntityMetadata,
  type EntityProperty,
  type FilterQuery,
  type RequiredEntityData,
  type Transaction,
} from '@mikro-orm/core';
import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import { isForeseeable } from './condition.js';
import { CounterError } from './errors.js';
import { bypassRefused } from './events.js';
import { hashOf, type Key } from './key.js';
import { keyColumns, type CounterGroup } from './registry.js';
import { stateInDatabase, stateInPayload, watchedColumns, watchedProperties } from './row-state.js';
import { Statements, targetMissing, type CountedRow } from './statements.js';
import { loadedTarget, StoredCounts, type KeyedDelta } from './stored-counts.js';
import { registryOf } from './subscriber.js';
import { Tally, type RowState } from './tally.js';
import { counted } from './write-scope.js';
import { writtenProperties } from './written-columns.js';

/** Limits the rows that one INSERT of a bulk write names. */
const INSERT_CHUNK = 1000;

/**
 * Limits the rows that one UPDATE or DELETE names: on SQLite nothing else runs meanwhile, and a row has its places in
 * all indexes.
 */
const CHUNK = 500;

/** Limits the rows that one statement reads of those to be changed. */
const READ_CHUNK = 1000;

/**
 * Inserts many counted rows with summed deltas: one UPDATE for each target, then multi-row INSERTs.
 *
 * Runs in a transaction of its own, or in a savepoint of the open one; flushes nothing. Values come as for
 * em.insertMany(): property names, relations as keys. Properties left out take their onCreate value or default. Gives
 * the number of rows. Errors: as the database's own for duplicates, and then nothing is written;
 * COUNTER_TARGET_MISSING; COUNTER_BYPASS where a counter could not know what a row will hold.
 */
export async function insertMany<Entity extends object>(
  em: SqlEntityManager,
  entity: EntityClass<Entity>,
  rows: readonly RequiredEntityData<Entity>[],
): Promise<number> {
  const { meta, groups } = described(em, entity);
  if (rows.length === 0) return 0;
  const filled = rows.map(row => withDefaults(em, meta, row));
  const states = filled.map(row => stateOfData('insertMany()', meta, groups, row, true));
  return inTransaction(em, async (transaction, stored, leftToTriggers) => {
    const tally = new Tally();
    for (const state of states) tally.change(groups, null, state);
    const deltas = tally.deltas() as KeyedDelta[];
    if (leftToTriggers || deltas.some(({ group, target }) => loadedTarget(em, group.target, target.key)))
      await lockAll(stored, groups, states);
    if (leftToTriggers) refuseMissing(deltas, stored);
    else await stored.add(deltas);
    for (let start = 0; start < filled.length; start += INSERT_CHUNK) {
      await driverOf(em).nativeInsertMany(entity, filled.slice(start, start + INSERT_CHUNK) as never, {
        ctx: transaction,
      });
    }
    return filled.length;
  });
}

/**
 * Updates all counted rows that match, as insertMany() inserts them; gives their number. Errors: COUNTER_CONFLICT and
 * as there.
 */
export function updateWhere<Entity extends object>(
  em: SqlEntityManager,
  entity: EntityClass<Entity>,
  where: FilterQuery<Entity>,
  data: Partial<RequiredEntityData<Entity>>,
): Promise<number> {
  return changeWhere(
    em,
    entity,
    where,
    Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined)),
  );
}

/**
 * Deletes all counted rows that match, in a transaction of its own or a savepoint; gives their number. Errors:
 * COUNTER_CONFLICT.
 */
export function deleteWhere<Entity extends object>(
  em: SqlEntityManager,
  entity: EntityClass<Entity>,
  where: FilterQuery<Entity>,
): Promise<number> {
  return changeWhere(em, entity, where, null);
}

/**
 * Locks target rows of a counter in ascending key order, as the engine does, and gives the keys that exist.
 *
 * For transactions of several flushes: locking all targets first keeps the order that prevents deadlocks.
 */
export async function lockTargets(
  em: SqlEntityManager,
  entity: EntityClass<object>,
  by: string,
  keys: readonly Key[],
): Promise<Key[]> {
  const group = described(em, entity).groups.find(one => one.by === by);
  if (!group) throw new CounterError('COUNTER_DECLARATION', `${entity.name} is not counted by "${by}".`);
  const transaction = em.getTransactionContext();
  if (!transaction)
    throw new CounterError(
      'COUNTER_TRANSACTION',
      'Locking counted targets needs an open transaction: use em.transactional().',
    );
  const stored = new StoredCounts(em, new Statements(em, transaction));
  await stored.lock(group, keys);
  return keys.filter(key => stored.isLocked(group, key));
}

async function changeWhere<Entity extends object>(
  em: SqlEntityManager,
  entity: EntityClass<Entity>,
  where: FilterQuery<Entity>,
  given: object | null,
): Promise<number> {
  const { meta, groups } = described(em, entity);
  const data = given && QueryHelper.processObjectParams({ ...given } as Record<string, unknown>);
  const patch = data && stateOfData('updateWhere()', meta, groups, data, false);
  return inTransaction(em, async (transaction, stored, leftToTriggers) => {
    const { ends, states } = await chosenRows(em, transaction, meta, groups, where);
    await lockAll(stored, groups, [...states, ...(patch ? [patch] : [])]);
    const tally = new Tally();
    const keys: Key[] = [];
    // Chunk by chunk, and without what is counted already: a row that is changed may be one of millions.
    for (const [index, end] of [...ends, null].entries()) {
      for (const { key, state } of await statesWhere(
        em,
        transaction,
        meta,
        groups,
        [where, ...between(meta, ends[index - 1] ?? null, end)],
        LockMode.PESSIMISTIC_WRITE,
      )) {
        requireLocked(meta, groups, state, stored);
        tally.change(
          groups,
          state,
          patch && { values: { ...state.values, ...patch.values }, targets: { ...state.targets, ...patch.targets } },
        );
        keys.push(key);
      }
    }
    const deltas = tally.deltas() as KeyedDelta[];
    if (leftToTriggers) refuseMissing(deltas, stored);
    else await stored.add(deltas);
    for (let start = 0; start < keys.length; start += CHUNK) {
      const some = keyCondition(meta, keys.slice(start, start + CHUNK));
      if (data === null) await driverOf(em).nativeDelete(entity, some as never, { ctx: transaction });
      else
        await driverOf(em).nativeUpdate(entity, some as never, withUpdateValues(em, meta, data) as never, {
          ctx: transaction,
        });
    }
    return keys.length;
  });
}

/** Locks the targets that states point at: all rows of a table together, so that the order is one for the table. */
async function lockAll(
  stored: StoredCounts,
  groups: readonly CounterGroup[],
  states: readonly RowState[],
): Promise<void> {
  for (const [, mine] of Map.groupBy(groups, ({ target }) => target)) {
    const pointers = mine.flatMap(({ by }) => states.map(({ targets }) => targets[by]));
    const keys = pointers.flatMap(pointer => (pointer && 'key' in pointer ? [pointer.key] : []));
    for (const group of mine) await stored.lock(group, keys);
  }
}

function requireLocked(
  meta: EntityMetadata,
  groups: readonly CounterGroup[],
  state: RowState,
  stored: StoredCounts,
): void {
  for (const group of groups) {
    const target = state.targets[group.by];
    if (!target || !('key' in target) || stored.isLocked(group, target.key)) continue;
    throw new CounterError(
      'COUNTER_CONFLICT',
      `While ${meta.className} rows were being chosen, one came to ${group.target.className} ${target.key.join(', ')}. Repeat the change in a new transaction.`,
    );
  }
}

/**
 * Returns one state for all rows that have the same targets, and the keys at which chunks of the rows end, but for the
 * last chunk, whose end is open: rows that come before the targets are locked are changed too.
 */
async function chosenRows(
  em: SqlEntityManager,
  transaction: Transaction,
  meta: EntityMetadata,
  groups: readonly CounterGroup[],
  where: unknown,
): Promise<{ ends: Key[]; states: RowState[] }> {
  const ends: Key[] = [];
  const states = new Map<string, RowState>();
  for (;;) {
    const rows = await statesWhere(
      em,
      transaction,
      meta,
      groups,
      [where, ...between(meta, ends.at(-1) ?? null, null)],
      LockMode.NONE,
      READ_CHUNK,
    );
    for (const { state } of rows)
      states.set(
        hashOf(Object.values(state.targets).map(target => (target && 'key' in target ? hashOf(target.key) : null))),
        state,
      );
    if (rows.length < READ_CHUNK) return { ends, states: [...states.values()] };
    ends.push(rows.at(-1)!.key);
  }
}

/**
 * Reads the states of the rows that meet all conditions; the first so many in the order of their keys, where there is a
 * limit.
 */
async function statesWhere(
  em: SqlEntityManager,
  transaction: Transaction,
  meta: EntityMetadata,
  groups: readonly CounterGroup[],
  conditions: readonly unknown[],
  lock: LockMode,
  limit?: number,
): Promise<{ key: Key; state: RowState }[]> {
  const builder = driverOf(em).createQueryBuilder(meta.class as EntityClass<object>, transaction, 'write', false);
  builder.select([...new Set([...meta.primaryKeys, ...watchedProperties(groups)])] as never);
  for (const condition of conditions) builder.andWhere(condition as never);
  if (limit !== undefined) builder.orderBy(meta.primaryKeys.map(name => ({ [name]: 'asc' })) as never).limit(limit);
  if (lock !== LockMode.NONE) builder.setLockMode(lock as LockMode.PESSIMISTIC_WRITE);
  const rows = await builder.execute<CountedRow[]>('all', { mapResults: false });
  return rows.map(row => ({ key: keyColumns(meta).map(column => row[column]), state: stateInDatabase(row, groups) }));
}

/** Returns the conditions that hold for the keys after one key and up to another; null: no bound on that side. */
function between(meta: EntityMetadata, after: Key | null, upTo: Key | null): object[] {
  return [...(after ? beside(meta, '$gt', '$gt', after) : []), ...(upTo ? beside(meta, '$lt', '$lte', upTo) : [])];
}

/** Compares keys part by part, as inRange() does, and for the same reason. */
function beside(
  { primaryKeys }: EntityMetadata,
  operator: '$gt' | '$lt',
  lastOperator: '$gt' | '$lte',
  key: Key,
): object[] {
  const last = primaryKeys.length - 1;
  const parts = primaryKeys.map((name, index) => ({
    ...Object.fromEntries(primaryKeys.slice(0, index).map((equal, at) => [equal, key[at]])),
    [name]: { [index === last ? lastOperator : operator]: key[index] },
  }));
  return last === 0 ? parts : [{ [primaryKeys[0]!]: { [`${operator}e`]: key[0] } }, { $or: parts }];
}

function refuseMissing(deltas: readonly KeyedDelta[], stored: StoredCounts): void {
  const missing = deltas.find(({ group, target }) => !stored.isLocked(group, target.key));
  if (missing) throw targetMissing(missing.group, missing.target.key);
}

function keyCondition(meta: EntityMetadata, keys: readonly Key[]): object {
  const name = Utils.getPrimaryKeyHash(meta.primaryKeys as string[]);
  return { [name]: { $in: keys.map(key => (key.length === 1 ? key[0] : key)) } };
}

function withDefaults(em: SqlEntityManager, meta: EntityMetadata, row: object): Record<string, unknown> {
  const given = QueryHelper.processObjectParams({ ...row } as Record<string, unknown>);
  // The driver's multi-row INSERT knows the parts of embedded objects only as properties of the row.
  const filled: Record<string, unknown> = Object.fromEntries(
    writtenProperties(meta, given).map(({ name, value }) => [name, value]),
  );
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

/**
 * Gives the state of rows that hold `data`; refuses names and values whose effect on a counter is not to be seen
 * (COUNTER_BYPASS).
 */
function stateOfData(
  way: string,
  meta: EntityMetadata,
  groups: readonly CounterGroup[],
  given: Record<string, unknown>,
  rowsAreNew: boolean,
): RowState {
  const data = Object.fromEntries(writtenProperties(meta, given).map(({ name, value }) => [name, value]));
  const properties = watchedProperties(groups);
  const column = watchedColumns(groups).find(name => name in data && !properties.includes(name));
  if (column)
    throw bypassRefused(
      meta.className,
      `${way} on ${meta.className} was given the column "${column}". Name the property instead.`,
    );
  const comparisons = groups.flatMap(group => group.counters.flatMap(counter => counter.comparisons));
  const dark = comparisons.find(
    comparison => (rowsAreNew || comparison.property in data) && !isForeseeable(comparison, data[comparison.property]),
  );
  if (dark) {
    const value = String(JSON.stringify(data[dark.property]));
    throw bypassRefused(
      meta.className,
      `${way} on ${meta.className} cannot know what the database makes of ${dark.property} = ${value}. Write such rows as entities.`,
    );
  }
  return stateInPayload({ payload: data }, groups);
}

function described<Entity extends object>(
  em: SqlEntityManager,
  entity: EntityClass<Entity>,
): { meta: EntityMetadata; groups: CounterGroup[] } {
  const registry = registryOf(em);
  const meta = em.getMetadata(entity) as unknown as EntityMetadata;
  const groups = registry?.countedBy(meta) ?? [];
  if (groups.length === 0)
    throw new CounterError(
      'COUNTER_DECLARATION',
      `No counter counts ${meta.className}. Declare one, or write with the entity manager.`,
    );
  return { meta, groups };
}

/**
 * Runs work in a transaction of its own or a savepoint of the open one, so that a failure that is caught leaves nothing
 * behind; then shows loaded targets their counts.
 */
async function inTransaction<Result>(
  em: SqlEntityManager,
  work: (transaction: Transaction, stored: StoredCounts, leftToTriggers: boolean) => Promise<Result>,
): Promise<Result> {
  const open = em.getTransactionContext();
  const { result, stored } = await em.getConnection('write').transactional(
    async transaction => {
      const statements = new Statements(em, transaction);
      const counts = new StoredCounts(em, statements);
      const registry = registryOf(em)!;
      const leftToTriggers = await statements.leavesToTriggers(registry);
      const outcome = await counted(() => work(transaction, counts, leftToTriggers));
      if (leftToTriggers) {
        await statements.requireTriggers(registry);
        await counts.reread();
      }
      return { result: outcome, stored: counts };
    },
    open ? { ctx: open } : {},
  );
  stored.refresh();
  return result;
}

function driverOf(em: SqlEntityManager): AbstractSqlDriver {
  return em.getDriver() as AbstractSqlDriver;
}
