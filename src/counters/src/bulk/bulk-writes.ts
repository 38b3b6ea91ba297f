import {
  QueryHelper,
  type EntityClass,
  type EntityMetadata,
  type FilterQuery,
  type RequiredEntityData,
  type Transaction,
} from '@mikro-orm/core';
import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import { overlaid, stateInPayload, Tally, type KeyedDelta, type RowState } from '../counts/deltas.js';
import { mayBeLoaded } from '../counts/loaded-targets.js';
import { StoredCounts, targetMissing } from '../counts/stored-counts.js';
import { isForeseeable } from '../declarations/condition.js';
import {
  comparisonsIn,
  registryOf,
  watchedColumns,
  watchedProperties,
  type CounterGroup,
} from '../declarations/registry.js';
import { CounterError } from '../errors.js';
import { bypassRefused } from '../events.js';
import { writtenProperties } from '../guards/direct-writes.js';
import { counted } from '../guards/write-scope.js';
import type { Key } from '../sql/key.js';
import { leavesToTriggers, requireTriggers } from '../triggers/strategy.js';
import { keyCondition, MatchingRows } from './matching-rows.js';

/** The most rows that one INSERT of a bulk write names. */
const MAX_INSERTED_ROWS = 1000;

/**
 * The most rows that one UPDATE or DELETE names: on SQLite nothing else runs meanwhile, and each row has to be changed in
 * all indexes.
 */
const MAX_CHANGED_ROWS = 500;

/**
 * Inserts many counted rows with summed deltas: one UPDATE for the targets that get the same, then multi-row INSERTs.
 *
 * Runs in a transaction of its own, or in a savepoint of the open one, and flushes nothing. Values are given as to
 * em.insertMany(): property names, relations as keys. Properties left out take their onCreate value or default. Returns
 * the number of rows. Errors, after which nothing is written: the database's own for duplicates;
 * COUNTER_TARGET_MISSING; COUNTER_BYPASS where a counter cannot know what a row will contain.
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
    if (leftToTriggers || deltas.some(({ group, target }) => mayBeLoaded(em, group, [target.key])))
      await lockAll(stored, groups, states);
    if (leftToTriggers) refuseMissing(deltas, stored);
    else await stored.add(deltas);
    for (let start = 0; start < filled.length; start += MAX_INSERTED_ROWS) {
      await driverOf(em).nativeInsertMany(entity, filled.slice(start, start + MAX_INSERTED_ROWS) as never, {
        ctx: transaction,
      });
    }
    return filled.length;
  });
}

/**
 * Updates all counted rows that match, as insertMany() inserts them, and returns their number. Errors: COUNTER_CONFLICT,
 * and those of insertMany().
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
 * Deletes all counted rows that match, in a transaction of its own or a savepoint, and returns their number. Errors:
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
 * Locks target rows of a counter in ascending key order, as the engine does, and returns the keys that exist.
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
  const stored = new StoredCounts(em, transaction);
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
  const data = given && QueryHelper.processObjectParams({ ...given });
  const patch = data && stateOfData('updateWhere()', meta, groups, data, false);
  return inTransaction(em, async (transaction, stored, leftToTriggers) => {
    const matching = new MatchingRows(em, transaction, meta, groups, where);
    const { ends, states } = await matching.survey();
    const after = patch ? [patch, ...states.map(state => overlaid(state, patch.columns, groups))] : [];
    await lockAll(stored, groups, [...states, ...after]);
    const tally = new Tally();
    const keys: Key[] = [];
    // Chunk by chunk, and without keeping the rows that are counted: there may be millions.
    for (const [index, end] of [...ends, null].entries()) {
      for (const { key, state } of await matching.lock(ends[index - 1] ?? null, end)) {
        requireLocked(meta, groups, state, stored);
        tally.change(groups, state, patch && overlaid(state, patch.columns, groups));
        keys.push(key);
      }
    }
    const deltas = tally.deltas() as KeyedDelta[];
    if (leftToTriggers) refuseMissing(deltas, stored);
    else await stored.add(deltas);
    for (let start = 0; start < keys.length; start += MAX_CHANGED_ROWS) {
      const some = keyCondition(meta, keys.slice(start, start + MAX_CHANGED_ROWS));
      if (data === null) await driverOf(em).nativeDelete(entity, some, { ctx: transaction });
      else
        await driverOf(em).nativeUpdate(entity, some, withUpdateValues(em, meta, data) as never, {
          ctx: transaction,
        });
    }
    return keys.length;
  });
}

/** Locks the targets of some states: all rows of a table together, so that the table has one order of locks. */
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
  const unlocked = stored.unlockedTarget(groups, state);
  if (!unlocked) return;
  throw new CounterError(
    'COUNTER_CONFLICT',
    `While ${meta.className} rows were being chosen, one came to ${unlocked.group.target.className} ${unlocked.key.join(', ')}. Repeat the change in a new transaction.`,
  );
}

function refuseMissing(deltas: readonly KeyedDelta[], stored: StoredCounts): void {
  const missing = deltas.find(({ group, target }) => !stored.isLocked(group, target.key));
  if (missing) throw targetMissing(missing.group, missing.target.key);
}

function withDefaults(em: SqlEntityManager, meta: EntityMetadata, row: object): Record<string, unknown> {
  const given = QueryHelper.processObjectParams({ ...row });
  // The driver's multi-row INSERT knows the parts of embedded objects only as properties of the row.
  const filled: Record<string, unknown> = Object.fromEntries(
    writtenProperties(meta, given).map(({ name, value }) => [name, value]),
  );
  for (const property of meta.props) {
    if (filled[property.name] !== undefined) continue;
    if (property.onCreate) filled[property.name] = property.onCreate(filled, em);
    else if (property.default !== undefined && property.default !== null) filled[property.name] = property.default;
  }
  return filled;
}

function withUpdateValues(em: SqlEntityManager, meta: EntityMetadata, data: object): object {
  const updates = meta.props.filter(property => property.onUpdate && !(property.name in data));
  return { ...data, ...Object.fromEntries(updates.map(property => [property.name, property.onUpdate!(data, em)])) };
}

/**
 * Returns the state of rows that contain `data`. Refuses names and values whose effect on a counter cannot be foreseen
 * (COUNTER_BYPASS).
 */
function stateOfData(
  method: string,
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
      `${method} on ${meta.className} was given the column "${column}". Name the property instead.`,
    );
  const unforeseeable = comparisonsIn(groups).find(
    comparison => (rowsAreNew || comparison.property in data) && !isForeseeable(comparison, data[comparison.property]),
  );
  if (unforeseeable) {
    const value = String(JSON.stringify(data[unforeseeable.property]));
    throw bypassRefused(
      meta.className,
      `${method} on ${meta.className} cannot know what the database makes of ${unforeseeable.property} = ${value}. Write such rows as entities.`,
    );
  }
  return stateInPayload({ payload: data }, groups);
}

function described<Entity extends object>(
  em: SqlEntityManager,
  entity: EntityClass<Entity>,
): { meta: EntityMetadata; groups: readonly CounterGroup[] } {
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
 * behind. Then puts the counts into loaded targets.
 */
async function inTransaction<Result>(
  em: SqlEntityManager,
  work: (transaction: Transaction, stored: StoredCounts, leftToTriggers: boolean) => Promise<Result>,
): Promise<Result> {
  const open = em.getTransactionContext();
  const { result, stored } = await em.getConnection('write').transactional(
    async transaction => {
      const counts = new StoredCounts(em, transaction);
      const registry = registryOf(em)!;
      const leftToTriggers = await leavesToTriggers(em, transaction, registry);
      const outcome = await counted(() => work(transaction, counts, leftToTriggers));
      if (leftToTriggers) {
        await requireTriggers(em, transaction, registry);
        await counts.reread();
      }
      return { result: outcome, stored: counts };
    },
    open ? { ctx: open } : {},
  );
  stored.refresh(open);
  return result;
}

function driverOf(em: SqlEntityManager): AbstractSqlDriver {
  return em.getDriver();
}
