import type { Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { requireRegistry } from '../declarations/registry.js';
import type { KeyedDelta } from '../counts/deltas.js';
import { counterIds } from '../counts/rollouts.js';
import { StoredCounts } from '../counts/stored-counts.js';
import { lockTargetRows } from '../counts/target-rows.js';
import { keyColumns } from '../declarations/key-parts.js';
import { joinedSql, onwardOf, refersTo, summedInto, wayOf, withOnward, type Onward } from '../declarations/levels.js';
import { compareGroups, type LocatedGroup } from '../declarations/schemas.js';
import { touchedBy } from '../declarations/touches.js';
import type { Bracket } from '../sql/dialects/dialect.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { execute, keyIn, queryRows, quoted, tableName, type Row } from '../sql/fragments.js';
import type { Key } from '../sql/key.js';

/**
 * Locks the rows between a target and what it counts through them, in ascending order, as all writers do before they lock
 * the target.
 */
export async function lockBetween(
  em: SqlEntityManager,
  transaction: Transaction,
  groups: readonly LocatedGroup[],
  key: Key,
): Promise<void> {
  const registry = requireRegistry(em);
  if (!registry.hasLevels) return;
  const stored = new StoredCounts(em, transaction);
  for (const group of groups) {
    const ways = group.counters.map(counter => wayOf(em, registry, group, counter).groups);
    // The rows between that are the first to be locked come first.
    for (const place of [...new Set(ways.flatMap(way => [...way.keys()]))].filter(index => index > 0)) {
      const parts = ways.flatMap(way =>
        way.length > place ? [way.slice(place) as [LocatedGroup, ...LocatedGroup[]]] : [],
      );
      for (const [, [part]] of Map.groupBy(parts, ([first]) => first)) {
        const [{ counted, countedSchema }] = part!;
        const columns = keyColumns(counted);
        const mine = refersTo(em, group, { keys: [key] }, `w_${part!.length - 1}.`);
        // Without a lock: an index by which they are found would be locked too, and in another order.
        const rows = await queryRows(em, transaction, {
          sql: `select ${columns.map((column, index) => `w_0.${quoted(em, column)} as k${index}`).join(', ')} from ${joinedSql(em, part!, 'w')} where ${mine.sql}`,
          parameters: mine.parameters,
        });
        const keys = rows.map(row => columns.map((_, index) => row[`k${index}`]));
        for (const into of summedInto(em, registry, counted, countedSchema)) await stored.lock(into, keys, 'primary');
      }
    }
  }
}

/**
 * Changes stored counts of a row such that nothing changes what other stored counts sum of them: these are right or wrong
 * by their own rows, and no row has come or gone. Triggers would take the change for such.
 */
export async function withoutSums(
  em: SqlEntityManager,
  transaction: Transaction,
  groups: readonly LocatedGroup[],
  key: Key,
  write: () => Promise<void>,
): Promise<void> {
  const registry = requireRegistry(em);
  const onwards = registry.hasLevels ? groups.flatMap(group => onwardOf(em, registry, group)) : [];
  if (onwards.length === 0) return write();
  const withoutCounting = dialectOf(em).triggers.withoutCounting?.(counterIds(registry));
  // Where hooks count, triggers do not in this session.
  if (withoutCounting) return runWithin(em, transaction, withoutCounting, write);
  const sums = await summed(em, transaction, onwards, groups, key);
  const touched = await touchedAbove(em, transaction, groups, key);
  await write();
  const now = await summed(em, transaction, onwards, groups, key);
  const back = sums.map((delta, place) => ({
    ...delta,
    amounts: delta.amounts.map((units, index) => units - now[place]!.amounts[index]!),
  }));
  await new StoredCounts(em, transaction, false).add(
    back.filter(({ amounts }) => amounts.some(amount => amount !== 0n)),
  );
  for (const { group, key: found, row } of touched) {
    const columns = touchedBy(group.counters).map(({ touch }) => touch.column);
    const chosen = keyIn(em, group.targetKey, [found]);
    await execute(em, transaction, {
      sql: `update ${tableName(em, group.target, group.targetSchema)} set ${columns.map(column => `${quoted(em, column)} = ?`).join(', ')} where ${chosen.sql}`,
      parameters: [...columns.map(column => row[column]), ...chosen.parameters],
    });
  }
}

/** Assigns stored counts in the open transaction, also beside a guard. */
export function assigning(em: SqlEntityManager, transaction: Transaction, write: () => Promise<void>): Promise<void> {
  const { guard } = dialectOf(em).triggers;
  // A guard lets a session assign whose hooks count.
  if (guard === null || requireRegistry(em).strategy === 'hooks') return write();
  return runWithin(em, transaction, guard.assigning, write);
}

/** Writes between two lists of statements. */
async function runWithin(
  em: SqlEntityManager,
  transaction: Transaction,
  { begin, end }: Bracket,
  write: () => Promise<void>,
): Promise<void> {
  const run = async (statements: readonly string[]): Promise<void> => {
    for (const sql of statements) await execute(em, transaction, { sql, parameters: [] });
  };
  await run(begin);
  try {
    await write();
  } catch (error) {
    // Where the error has ended the transaction, this fails, and the end of the transaction does the same.
    await run(end).catch(() => undefined);
    throw error;
  }
  await run(end);
}

/** A row with what its counters touch. */
interface TouchedRow {
  readonly group: LocatedGroup;
  readonly key: Key;
  readonly row: Row;
}

/** Reads the rows at all levels above a row that are touched when its stored counts change. */
async function touchedAbove(
  em: SqlEntityManager,
  transaction: Transaction,
  groups: readonly LocatedGroup[],
  key: Key,
): Promise<TouchedRow[]> {
  const all = withOnward(em, requireRegistry(em), groups);
  if (!all.some(({ counters }) => touchedBy(counters).length > 0)) return [];
  const stored = new StoredCounts(em, transaction);
  for (const group of groups) await stored.lock(group, [key], 'primary');
  const rows: TouchedRow[] = [];
  for (const group of all.filter(one => !groups.includes(one)).toSorted(compareGroups)) {
    const keys = stored.onwardKeys(group);
    await stored.lock(group, keys);
    if (touchedBy(group.counters).length === 0) continue;
    for (const found of (await lockTargetRows(em, transaction, group, keys)).values())
      rows.push({ group, key: found.key, row: found.row });
  }
  return rows;
}

/** Reads the stored counts that sum those of a row, as amounts. */
async function summed(
  em: SqlEntityManager,
  transaction: Transaction,
  onwards: readonly Onward[],
  groups: readonly LocatedGroup[],
  key: Key,
): Promise<KeyedDelta[]> {
  const stored = new StoredCounts(em, transaction);
  for (const group of groups) await stored.lock(group, [key], 'primary');
  const deltas: KeyedDelta[] = [];
  for (const group of new Set(onwards.map(onward => onward.group)))
    for (const row of (await lockTargetRows(em, transaction, group, stored.onwardKeys(group))).values())
      deltas.push({ group, target: { key: row.key }, amounts: row.stored });
  return deltas;
}
