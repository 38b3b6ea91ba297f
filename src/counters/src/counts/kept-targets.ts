import type { Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { keptGroups, type CounterGroup } from '../declarations/counter-group.js';
import { CounterError } from '../errors.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { columnList, keyIn, queryRows, quoted, tableName } from '../sql/fragments.js';
import { hashOf, type Key } from '../sql/key.js';
import type { RowState } from './row-states.js';
import { targetMissing, type StoredCounts } from './stored-counts.js';

// A relation that leads to several entities has no foreign key in the database. So the engine keeps their targets as one
// with the rule RESTRICT does: no row comes to a target that does not exist, and none goes that rows still refer to.

/** Returns true for a target row that exists. */
export async function targetExists(
  em: SqlEntityManager,
  transaction: Transaction,
  { target, targetKey, targetSchema }: CounterGroup,
  key: Key,
): Promise<boolean> {
  const { sql, parameters } = keyIn(em, targetKey, [key]);
  const query = `select 1 as n from ${tableName(em, target, targetSchema)} where ${sql}`;
  return (await queryRows(em, transaction, { sql: query, parameters })).length > 0;
}

/** The most targets that one statement asks for. */
const MAX_ASKED_TARGETS = 500;

/**
 * Throws COUNTER_TARGET_MISSING if rows still refer to targets that were deleted or got other keys. Call it after that
 * change: a transaction that adds a row to such a target then waits for its lock, and finds that the target is missing.
 */
export async function refuseReferredTargets(
  em: SqlEntityManager,
  transaction: Transaction,
  group: CounterGroup,
  keys: readonly Key[],
): Promise<void> {
  const { counted, countedSchema, foreignKey, discriminator, target, by } = group;
  const { column, values } = discriminator!;
  const isOfType = `${quoted(em, column)} in (${values.map(() => '?').join(', ')})`;
  for (let start = 0; start < keys.length; start += MAX_ASKED_TARGETS) {
    const { sql, parameters } = keyIn(em, foreignKey, keys.slice(start, start + MAX_ASKED_TARGETS));
    // With a lock, because a snapshot may be older than the rows.
    const [row] = await queryRows(em, transaction, {
      sql: `select ${columnList(em, foreignKey)} from ${tableName(em, counted, countedSchema)} where ${isOfType} and ${sql} limit 1${dialectOf(em).forUpdate}`,
      parameters: [...values, ...parameters],
    });
    if (row)
      throw new CounterError(
        'COUNTER_TARGET_MISSING',
        `${target.className} ${foreignKey.map(name => row[name]).join(', ')} would be gone, and ${counted.className} rows refer to it by "${by}". Remove or move them first.`,
      );
  }
}

/** Returns those of some keys that no target of a group has. */
export async function withoutTargets(
  em: SqlEntityManager,
  transaction: Transaction,
  group: CounterGroup,
  keys: readonly Key[],
): Promise<Key[]> {
  const { target, targetKey, targetSchema } = group;
  const table = tableName(em, target, targetSchema);
  const missing: Key[] = [];
  for (let start = 0; start < keys.length; start += MAX_ASKED_TARGETS) {
    const asked = keys.slice(start, start + MAX_ASKED_TARGETS);
    const { sql, parameters } = keyIn(em, targetKey, asked);
    const query = `select ${columnList(em, targetKey)} from ${table} where ${sql}`;
    const rows = await queryRows(em, transaction, { sql: query, parameters });
    const there = new Set(rows.map(row => hashOf(targetKey.map(column => row[column]))));
    const known = new Set(asked.map(hashOf));
    // A collation may take another spelling for the same key.
    const areSpelledAlike = [...there].every(hash => known.has(hash));
    for (const key of asked)
      if (!there.has(hashOf(key)) && (areSpelledAlike || !(await targetExists(em, transaction, group, key))))
        missing.push(key);
  }
  return missing;
}

/**
 * Returns the states of a row before and after a write, without those targets that do not exist although the row refers to
 * them: other programs have left them so, and the row is counted nowhere. Targets are locked before. Errors:
 * COUNTER_TARGET_MISSING where the write itself would let the row refer to such a target; `mayCome` returns true for one
 * that may exist later.
 */
export async function withoutLostTargets<After extends RowState | null>(
  em: SqlEntityManager,
  stored: StoredCounts,
  groups: readonly CounterGroup[],
  before: RowState | null,
  after: After,
  mayCome: (group: CounterGroup, key: Key) => boolean = () => false,
): Promise<[before: RowState | null, after: After]> {
  let states: [RowState | null, After] = [before, after];
  for (const group of keptGroups(groups)) {
    const [was, is] = states.map(state => targetKeyIn(state, group));
    const isLost = async (key: Key | undefined): Promise<boolean> =>
      key !== undefined && !stored.isLocked(group, key) && !(await targetExists(em, stored.transaction, group, key));
    if (was && (await isLost(was))) states = [without(states[0], group), states[1]];
    if (!is || !(await isLost(is))) continue;
    if (was && hashOf(was) === hashOf(is)) states = [states[0], without(states[1], group)];
    else if (!mayCome(group, is)) throw targetMissing(group, is);
  }
  return states;
}

function targetKeyIn(state: RowState | null, { slot }: CounterGroup): Key | undefined {
  const target = state?.targets[slot];
  return target && 'key' in target ? target.key : undefined;
}

function without<State extends RowState | null>(state: State, { slot }: CounterGroup): State {
  return state && { ...state, targets: { ...state.targets, [slot]: null } };
}
