import type { EntityClass, EntityMetadata, Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { KeyedDelta } from '../counts/deltas.js';
import { mayBeLoaded } from '../counts/loaded-targets.js';
import { StoredCounts } from '../counts/stored-counts.js';
import { hasNumbers, lockTargetRows, tableByKey, type LockedTarget } from '../counts/target-rows.js';
import { assignedSql, totalSql, unitsOfValue, valueOf } from '../declarations/amounts.js';
import type { CountValue } from '../sql/units.js';
import { joinedSql, wayOf } from '../declarations/levels.js';
import type { CounterGroup, ResolvedCounter } from '../declarations/counter-group.js';
import { withoutShares, requireRegistry } from '../declarations/registry.js';
import type { LocatedGroup } from '../declarations/schemas.js';
import { CounterError } from '../errors.js';
import { recountedRows, type RecountedRow } from '../events.js';
import { refuseToCountPendingRows } from '../flush/pending-changes.js';
import { execute, keyIn, quoted, tableName, type Fragment } from '../sql/fragments.js';
import { compareKeys, hashOf, type Key } from '../sql/key.js';
import { assigning, lockBetween, withoutSums } from './recount-of-one-level.js';
import { targetOf } from './verify.js';

/** A stored count before and after a change. */
export interface CountChange {
  readonly counter: string;
  readonly key: Key;
  readonly before: CountValue;
  readonly after: CountValue;
}

/**
 * Sets the stored counts of one target row to the number of its counted rows, under the row's lock and in the open
 * transaction, and returns those that changed; null: the row does not exist. A loaded entity gets its new counts. With
 * `counters`, by their names, only those.
 *
 * Counting is part of the UPDATE. A SELECT may see an old snapshot, as with REPEATABLE READ after an earlier read, while
 * an UPDATE counts what is committed at that moment, under any isolation level.
 * Errors: COUNTER_TRANSACTION without an open transaction, COUNTER_DECLARATION where nothing is counted into the
 * entity.
 */
export async function recount(
  em: SqlEntityManager,
  entity: EntityClass<object>,
  key: Key,
  { counters }: { readonly counters?: readonly string[] } = {},
): Promise<CountChange[] | null> {
  const described = targetOf(em, entity, counters);
  const changes = await changed(em, described, key, 'Recounting', async ({ target, groups }, transaction, before) => {
    const found = [...before.values()][0]!.primaryKey;
    refuseToCountPendingRows(countedOnTheWay(em, groups), found);
    const sets = countsOf(em, groups, before);
    const row = keyIn(em, groups[0]!.primaryKey, [found]);
    const sql = `update ${tableName(em, target)} set ${sets.map(set => set.sql).join(', ')} where ${row.sql}`;
    const parameters = [...sets.flatMap(set => set.parameters), ...row.parameters];
    await execute(em, transaction, { sql, parameters });
  });
  if (changes?.length && recountedRows.hasSubscribers)
    recountedRows.publish({
      target: em.getMetadata(entity).className,
      key: changes[0]!.key,
      changes,
    } satisfies RecountedRow);
  return changes;
}

/**
 * Recounts several target rows in the open transaction, and returns the counts that changed; rows that do not exist are
 * left out. All rows are locked, in ascending order, before one UPDATE counts them. Where that cannot be, they are
 * recounted one after another: rows with keys that are no single whole numbers, counts that sum other stored counts, and
 * rows that are counted into rows of their own table.
 *
 * Errors: those of recount().
 */
export async function recountRows(
  em: SqlEntityManager,
  entity: EntityClass<object>,
  keys: readonly Key[],
  options: { readonly counters?: readonly string[] } = {},
): Promise<CountChange[]> {
  const described = targetOf(em, entity, options.counters);
  const sets = keys.length > 1 ? countsOfEach(em, described) : null;
  if (sets) return recountTogether(em, described, keys, sets);
  const changes: CountChange[] = [];
  for (const key of keys.toSorted(compareKeys)) changes.push(...((await recount(em, entity, key, options)) ?? []));
  return changes;
}

async function recountTogether(
  em: SqlEntityManager,
  { target, groups }: Described,
  keys: readonly Key[],
  sets: readonly Fragment[],
): Promise<CountChange[]> {
  const transaction = openTransaction(em, `Recounting ${target.className}`);
  const before = await lockedEach(em, transaction, groups, keys);
  if (before.length === 0) return [];
  const found = before.map(row => row.get(groups[0]!)!.primaryKey);
  for (const key of found) refuseToCountPendingRows(countedOnTheWay(em, groups), key);
  const chosen = keyIn(em, groups[0]!.primaryKey, found);
  await assigning(em, transaction, async () => {
    await execute(em, transaction, {
      sql: `update ${tableByKey(em, groups[0]!, found)} set ${sets.map(set => set.sql).join(', ')} where ${chosen.sql}`,
      parameters: [...sets.flatMap(({ parameters }) => parameters), ...chosen.parameters],
    });
  });
  const after = await lockedEach(em, transaction, groups, found);
  await refresh(em, transaction, groups, before);
  const changes = before.map((row, index) => changesBetween(groups, row, after[index]!));
  if (recountedRows.hasSubscribers)
    for (const some of changes.filter(({ length }) => length > 0))
      recountedRows.publish({ target: target.className, key: some[0]!.key, changes: some } satisfies RecountedRow);
  return changes.flat();
}

/**
 * Adds amounts to the stored counts of one target row, by counter, under the row's lock and in the open transaction, and
 * returns those that changed; null: the row does not exist. It makes drift: it is for undoing what a recount has changed.
 *
 * Errors: COUNTER_UNDERFLOW where a count would become negative, and then nothing is changed; COUNTER_DECLARATION for a
 * counter that the entity does not have; and those of recount().
 */
export function adjust(
  em: SqlEntityManager,
  entity: EntityClass<object>,
  key: Key,
  amounts: Readonly<Record<string, CountValue>>,
): Promise<CountChange[] | null> {
  return changed(em, targetOf(em, entity), key, 'Adjusting', async ({ target, groups }, transaction, before) => {
    const names = groups.flatMap(({ counters }) => counters.map(({ name }) => name));
    const unknown = Object.keys(amounts).find(name => !names.includes(name));
    if (unknown !== undefined)
      throw new CounterError(
        'COUNTER_DECLARATION',
        `${target.className} has no counter "${unknown}". Give one of ${names.join(', ')}.`,
      );
    const deltas: KeyedDelta[] = [];
    const added = withoutShares(groups.flatMap(({ counters }) => counters));
    for (const [group, { key: found, stored }] of before) {
      const mine = group.counters.map(counter =>
        unitsToAdd(counter, added.includes(counter) ? (amounts[counter.name] ?? 0) : 0),
      );
      const below = group.counters.findIndex(
        (counter, index) => stored[index]! + mine[index]! < 0n && !counter.amount.mayBeNegative,
      );
      if (below >= 0) {
        const [counter, is] = [group.counters[below]!, stored[below]!];
        throw new CounterError(
          'COUNTER_UNDERFLOW',
          `${counter.name} of ${target.className} ${found.join(', ')} is ${valueOf(counter, is)}, so ${valueOf(counter, mine[below]!)} cannot be added to it. Recount it instead.`,
        );
      }
      if (mine.some(amount => amount !== 0n)) deltas.push({ group, target: { key: found }, amounts: mine });
    }
    await new StoredCounts(em, transaction, false).add(deltas);
  });
}

/** The metadata of a target entity, and what is counted into it. */
interface Described {
  readonly target: EntityMetadata;
  readonly groups: readonly LocatedGroup[];
}

/** Locks a target row, lets `write` change its counts, and returns those that it changed. */
async function changed(
  em: SqlEntityManager,
  described: Described,
  key: Key,
  action: string,
  write: (
    described: Described,
    transaction: Transaction,
    before: ReadonlyMap<CounterGroup, LockedTarget>,
  ) => Promise<void>,
): Promise<CountChange[] | null> {
  const transaction = openTransaction(em, `${action} ${described.target.className} ${key.join(', ')}`);
  await lockBetween(em, transaction, described.groups, key);
  const before = await locked(em, transaction, described.groups, key);
  if (!before) return null;
  await withoutSums(em, transaction, described.groups, key, () =>
    assigning(em, transaction, () => write(described, transaction, before)),
  );
  const after = (await locked(em, transaction, described.groups, key))!;
  await refresh(em, transaction, described.groups, [before]);
  return changesBetween(described.groups, before, after);
}

/** Returns the open transaction (COUNTER_TRANSACTION without one). */
function openTransaction(em: SqlEntityManager, what: string): Transaction {
  const transaction = em.getTransactionContext();
  if (transaction) return transaction;
  throw new CounterError('COUNTER_TRANSACTION', `${what} needs an open transaction: use em.transactional().`);
}

/** Returns the counts of one row that differ between two reads of it. */
function changesBetween(
  groups: readonly LocatedGroup[],
  before: ReadonlyMap<CounterGroup, LockedTarget>,
  after: ReadonlyMap<CounterGroup, LockedTarget>,
): CountChange[] {
  const shown = withoutShares(groups.flatMap(({ counters }) => counters));
  return groups.flatMap(group =>
    group.counters.flatMap((counter, index) => {
      if (!shown.includes(counter)) return [];
      const [was, is] = [before.get(group)!, after.get(group)!].map(({ stored }) => valueOf(counter, stored[index]!));
      return was === is
        ? []
        : [{ counter: counter.name, key: before.get(group)!.primaryKey, before: was!, after: is! }];
    }),
  );
}

/** Returns the groups that count rows of some groups, or rows that are counted into those. */
function countedOnTheWay(em: SqlEntityManager, groups: readonly LocatedGroup[]): LocatedGroup[] {
  const registry = requireRegistry(em);
  return [
    ...new Set(groups.flatMap(group => group.counters.flatMap(counter => wayOf(em, registry, group, counter).groups))),
  ];
}

/** Returns an amount in the units of a counter's column (COUNTER_DECLARATION for what is no such amount). */
function unitsToAdd(counter: ResolvedCounter, amount: CountValue): bigint {
  const units = unitsOfValue(counter, amount);
  if (units !== undefined) return units;
  throw new CounterError(
    'COUNTER_DECLARATION',
    `${counter.name} cannot be adjusted by ${JSON.stringify(amount)}. Give a number with no more than ${counter.amount.into.scale} decimals, as a number, a bigint or a text.`,
  );
}

/** Puts the new counts into the target entities that are loaded. */
async function refresh(
  em: SqlEntityManager,
  transaction: Transaction,
  groups: readonly LocatedGroup[],
  rows: readonly ReadonlyMap<CounterGroup, LockedTarget>[],
): Promise<void> {
  const stored = new StoredCounts(em, transaction);
  for (const group of groups) {
    const keys = rows.map(row => row.get(group)!.key);
    if (mayBeLoaded(em, group, keys)) await stored.lock(group, keys);
  }
  stored.refresh();
}

async function locked(
  em: SqlEntityManager,
  transaction: Transaction,
  groups: readonly CounterGroup[],
  key: Key,
): Promise<ReadonlyMap<CounterGroup, LockedTarget> | null> {
  return (await lockedEach(em, transaction, groups, [key]))[0] ?? null;
}

/** Locks target rows in ascending order, and returns each as its groups see it; one that does not exist is left out. */
async function lockedEach(
  em: SqlEntityManager,
  transaction: Transaction,
  groups: readonly CounterGroup[],
  keys: readonly Key[],
): Promise<ReadonlyMap<CounterGroup, LockedTarget>[]> {
  let rows = keys.toSorted(compareKeys).map(key => ({ hash: hashOf(key), row: new Map<CounterGroup, LockedTarget>() }));
  for (const group of groups) {
    const found = await lockTargetRows(em, transaction, group, keys, 'primary');
    rows = rows.filter(({ hash, row }) => found.has(hash) && row.set(group, found.get(hash)!));
    if (rows.length === 0) break;
  }
  return rows.map(({ row }) => row);
}

/** Returns the assignments of all counters of one row. */
function countsOf(
  em: SqlEntityManager,
  groups: readonly LocatedGroup[],
  row: ReadonlyMap<CounterGroup, LockedTarget>,
): Fragment[] {
  return assignments(em, groups, (group, counter) => countOf(em, group, counter, row.get(group)!.key));
}

/** Returns the assignments of all counters that count each row of an UPDATE; null: there are none such. */
function countsOfEach(em: SqlEntityManager, { target, groups }: Described): Fragment[] | null {
  const registry = requireRegistry(em);
  const table = tableName(em, target);
  const isSimple = groups.every(
    group => hasNumbers(group) && !joinedSql(em, [group], 'w').includes(quoted(em, target.tableName)),
  );
  if (registry.hasLevels || !isSimple) return null;
  return assignments(em, groups, (group, counter) => {
    const mine = `w_0.${quoted(em, group.foreignKey[0]!)} = ${table}.${quoted(em, group.targetKey[0]!)}`;
    const total = totalSql(em, counter, 'w_0.');
    return { sql: `(select ${total} from ${joinedSql(em, [group], 'w')} where ${mine})`, parameters: [] };
  });
}

/** Returns the assignments of all counters; those that share a column have the sum of their rows there. */
function assignments(
  em: SqlEntityManager,
  groups: readonly LocatedGroup[],
  count: (group: LocatedGroup, counter: ResolvedCounter) => Fragment,
): Fragment[] {
  const values = groups.flatMap(group => group.counters.map(counter => ({ counter, ...count(group, counter) })));
  return [...Map.groupBy(values, ({ counter }) => counter.column)].map(([column, mine]) => ({
    sql: `${quoted(em, column)} = ${assignedSql(mine[0]!.counter, mine.map(({ sql }) => sql).join(' + '))}`,
    parameters: mine.flatMap(({ parameters }) => parameters),
  }));
}

/** Returns the count of one counter. It is a derived table, because the counted table may be the target's own. */
function countOf(em: SqlEntityManager, group: LocatedGroup, counter: ResolvedCounter, key: Key): Fragment {
  const way = wayOf(em, requireRegistry(em), group, counter);
  const mine = keyIn(em, group.foreignKey, [key], `w_${way.groups.length - 1}.`);
  const total = `select ${totalSql(em, way.counter, 'w_0.')} as n from ${joinedSql(em, way.groups, 'w')} where ${mine.sql}`;
  return { sql: `(select n from (${total}) counted)`, parameters: mine.parameters };
}
