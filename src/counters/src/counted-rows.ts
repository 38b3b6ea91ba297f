import { helper } from '@mikro-orm/core';
import type { CountedChange } from './counted-change.js';
import { hashOf, type Key } from './key.js';
import { keyColumns, type CounterGroup, type CounterRegistry } from './registry.js';
import { originalTarget, stateInDatabase, watchedColumns } from './row-state.js';
import type { Statements } from './statements.js';
import type { RowState } from './tally.js';

/**
 * Reads what the database holds of changed rows, locked unless `lock` is false; a row that is not there is left out.
 */
export async function readRows(
  statements: Statements,
  registry: CounterRegistry,
  changes: readonly CountedChange[],
  keyOf: (change: CountedChange) => Key,
  lock: boolean,
): Promise<Map<CountedChange, RowState>> {
  const states = new Map<CountedChange, RowState>();
  const tables = [...Map.groupBy(changes, ({ counted }) => counted)].sort(([a], [b]) =>
    a.tableName < b.tableName ? -1 : 1,
  );
  for (const [counted, mine] of tables) {
    const groups = registry.countedBy(counted);
    const columns = keyColumns(counted);
    const keys = mine.map(keyOf);
    const rows = await statements.countedRows(counted, watchedColumns(groups), keys, lock);
    const found = new Map(rows.map(row => [hashOf(columns.map(column => row[column])), row]));
    mine.forEach((change, index) => {
      const row = found.get(hashOf(keys[index]!));
      if (row) states.set(change, stateInDatabase(row, groups));
    });
  }
  return states;
}

/** Gives where rows pointed when they were loaded; asks the database, without a lock, where memory does not know. */
export async function originalTargets(
  statements: Statements,
  registry: CounterRegistry,
  changes: readonly CountedChange[],
): Promise<Map<CounterGroup, Key[]>> {
  const keys = new Map(registry.groups.map(group => [group, [] as Key[]]));
  const unknown: CountedChange[] = [];
  for (const change of changes) {
    const { entity, originalEntity } = change.changeSet;
    const original = originalEntity ?? helper(entity).__originalEntityData;
    const targets = change.groups.map(group => originalTarget(original, group));
    if (targets.includes(undefined)) unknown.push(change);
    else targets.forEach((target, index) => target && keys.get(change.groups[index]!)!.push(target));
  }
  for (const [change, state] of await readRows(statements, registry, unknown, ({ key }) => key, false)) {
    for (const group of change.groups) {
      const target = state.targets[group.by];
      if (target && 'key' in target) keys.get(group)!.push(target.key);
    }
  }
  return keys;
}
