import type { Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { KeyedDelta } from '../counts/deltas.js';
import { counterIds } from '../counts/rollouts.js';
import { StoredCounts } from '../counts/stored-counts.js';
import { lockTargetRows } from '../counts/target-rows.js';
import { keyColumns } from '../declarations/key-parts.js';
import { joinedSql, onwardOf, summedInto, wayOf, type Onward } from '../declarations/levels.js';
import type { LocatedGroup } from '../declarations/schemas.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { execute, keyIn, queryRows, quoted } from '../sql/fragments.js';
import type { Key } from '../sql/key.js';
import { requireRegistry } from '../triggers/triggers.js';
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
        const mine = keyIn(em, group.foreignKey, [key], `w_${part!.length - 1}.`);
        // Without a lock: an index by which they are found would be locked too, and in another order.
        const rows = await queryRows(em, transaction, {
          sql: `select ${columns.map((column, index) => `w_0.${quoted(em, column)} as k${index}`).join(', ')} from ${joinedSql(em, part!, 'w')} where ${mine.sql}`,
          parameters: mine.parameters,
        });
        const keys = rows.map(row => columns.map((_, index) => row[`k${index}`]));
        for (const into of summedInto(em, registry, counted, countedSchema)) await stored.lock(into, keys);
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
  if (withoutCounting) {
    // Where hooks count, triggers do not in this session.
    const run = async (statements: readonly string[]): Promise<void> => {
      for (const sql of statements) await execute(em, transaction, { sql, parameters: [] });
    };
    await run(withoutCounting.begin);
    try {
      await write();
    } catch (error) {
      // Where the error has ended the transaction, this fails, and the end of the transaction does the same.
      await run(withoutCounting.end).catch(() => undefined);
      throw error;
    }
    return run(withoutCounting.end);
  }
  const sums = await summed(em, transaction, onwards, groups, key);
  await write();
  const now = await summed(em, transaction, onwards, groups, key);
  const back = sums.map((delta, place) => ({
    ...delta,
    amounts: delta.amounts.map((units, index) => units - now[place]!.amounts[index]!),
  }));
  await new StoredCounts(em, transaction).add(back.filter(({ amounts }) => amounts.some(amount => amount !== 0n)));
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
  for (const group of groups) await stored.lock(group, [key]);
  const deltas: KeyedDelta[] = [];
  for (const group of new Set(onwards.map(onward => onward.group)))
    for (const row of (await lockTargetRows(em, transaction, group, stored.onwardKeys(group))).values())
      deltas.push({ group, target: { key: row.key }, amounts: row.stored });
  return deltas;
}
