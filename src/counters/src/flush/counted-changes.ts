import {
  ChangeSetType,
  helper,
  type AnyEntity,
  type ChangeSet,
  type EntityMetadata,
  type Transaction,
  type UnitOfWork,
} from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { payloadOf } from '../counts/change-parts.js';
import { keyInDatabase, keyOf, referredOn } from '../counts/entity-keys.js';
import {
  columnsIn,
  isDoubtful,
  originalTarget,
  overlaid,
  stateInDatabase,
  stateInMemory,
  stateWritten,
  type CreatedTargets,
  type RowState,
} from '../counts/row-states.js';
import { isForeseeable } from '../declarations/condition.js';
import { entityOfTable } from '../declarations/inheritance.js';
import type { CounterGroup } from '../declarations/counter-group.js';
import { keyColumns } from '../declarations/key-parts.js';
import type { CounterRegistry, Reach } from '../declarations/registry.js';
import { testsIn, watchedProperties } from '../declarations/watched-columns.js';
import { groupsIn, type LocatedGroup } from '../declarations/schemas.js';
import { watchedIn, withOtherTables } from '../counts/rows-in-tables.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { columnList, keyIn, queryRows, tableName, type Row } from '../sql/fragments.js';
import { compareKeys, hashOf, isNumeric, type Key } from '../sql/key.js';
import { OWN_SCHEMA, plainTableName, schemaOf } from '../sql/schemas.js';

/** One counted row on its way through a flush. */
export interface CountedChange {
  readonly changeSet: ChangeSet<AnyEntity>;
  /** The entity that stands for its table. */
  readonly counted: EntityMetadata;
  readonly groups: readonly LocatedGroup[];
  readonly kind: ChangeKind;
  /** The key that the row has before the flush; a new row has none. */
  readonly key: Key;
  /** True where the change can alter a count; an update that touches nothing watched cannot. */
  readonly relevant: boolean;
  /** The row as the entity had it when the flush was planned, and what of it the change wrote then. */
  memory: RowState;
  planned: Readonly<Record<string, unknown>>;
  /** The row as it will be after the flush, once planned; null: it will not exist. */
  after: RowState | null;
}

/** What a flush does to a row; early deletes and updates count as what they are. */
export type ChangeKind = 'create' | 'update' | 'delete';

/** A counted row as the database has it: its key as it is spelled there, and its state. */
export interface FoundRow {
  readonly key: Key;
  readonly state: RowState;
}

/** The most rows that one statement reads by their keys. */
const MAX_READ_ROWS = 500;

/** Returns what a change set does to its row. */
export function kindOf({ type }: ChangeSet<AnyEntity>): ChangeKind {
  if (type === ChangeSetType.CREATE) return 'create';
  return type === ChangeSetType.DELETE || type === ChangeSetType.DELETE_EARLY ? 'delete' : 'update';
}

/** Returns true for a change set of a row that is counted, or that may be of a type that is. */
export function isCounted(registry: CounterRegistry, changeSet: ChangeSet<AnyEntity>): boolean {
  return registry.countedBy(changeSet.meta as EntityMetadata, reachOf(kindOf(changeSet))).length > 0;
}

/** Returns which rows a change means: a new row is of its type alone, and one that exists may be of one that extends it. */
function reachOf(kind: ChangeKind): Reach {
  return kind === 'create' ? 'new' : 'known';
}

/** Returns the schema in which a change set writes its row. */
export function schemaOfChange(em: SqlEntityManager, { meta, schema }: ChangeSet<AnyEntity>): string {
  return schemaOf(em, meta, schema ?? OWN_SCHEMA);
}

/** Returns the changes of a flush that concern counted rows. */
export function countedChanges(
  em: SqlEntityManager,
  unitOfWork: UnitOfWork,
  registry: CounterRegistry,
  created: CreatedTargets,
): CountedChange[] {
  return unitOfWork.getChangeSets().flatMap(changeSet => {
    const counted = entityOfTable(changeSet.meta);
    const kind = kindOf(changeSet);
    const groups = groupsIn(em, registry, changeSet.meta, changeSet.schema, reachOf(kind));
    if (groups.length === 0) return [];
    const { entity } = changeSet;
    const payload = payloadOf(changeSet);
    const planned = plannedOf(changeSet, groups);
    const isNew = kind === 'create';
    const relevant = kind !== 'update' || Object.keys(planned).length > 0;
    // The payload of a new row is all that the entity has.
    const memory = isNew ? stateWritten(payload, entity, groups, created) : stateInMemory(em, entity, groups, created);
    const key = isNew ? [] : keyInDatabase(changeSet);
    return [{ changeSet, counted, groups, kind, key, relevant, memory, planned, after: null }];
  });
}

/** Plans a new row again, because it has got counts of its own since, which are summed. */
export function planAgain(change: CountedChange, created: CreatedTargets): void {
  const { changeSet, groups } = change;
  change.planned = plannedOf(changeSet, groups);
  change.memory = stateWritten(payloadOf(changeSet), changeSet.entity, groups, created);
}

/** Returns what a change writes of the properties by which rows of some groups are counted. */
function plannedOf(changeSet: ChangeSet<AnyEntity>, groups: readonly CounterGroup[]): Record<string, unknown> {
  const values = payloadOf(changeSet) as Record<string, unknown>;
  const planned: Record<string, unknown> = {};
  for (const name of watchedProperties(groups)) if (name in values) planned[name] = values[name];
  return planned;
}

/** Returns the name of a counted row for people: `Enrollment 7`. */
export function nameOf({ changeSet }: CountedChange): string {
  return `${changeSet.meta.className} ${keyOf(changeSet.entity).join(', ') || '(new)'}`;
}

/** Returns the names of the watched properties that a change writes. */
export function namesWritten({ changeSet, groups }: CountedChange): string[] {
  const payload = payloadOf(changeSet);
  return watchedProperties(groups).filter(name => name in payload);
}

/** Reads changed rows in the database, locked unless `lock` is false; a missing row is left out. */
export async function readRows(
  em: SqlEntityManager,
  transaction: Transaction,
  changes: readonly CountedChange[],
  keyOfChange: (change: CountedChange) => Key,
  lock: boolean,
): Promise<Map<CountedChange, FoundRow>> {
  const states = new Map<CountedChange, FoundRow>();
  // The rows of one table have the same list of groups.
  const tables = [...Map.groupBy(changes, ({ groups }) => groups)]
    .map(([groups, mine]) => ({
      groups,
      mine,
      table: plainTableName(em, groups[0]!.counted, groups[0]!.countedSchema),
    }))
    .toSorted((a, b) => (a.table < b.table ? -1 : 1));
  for (const { groups, mine } of tables) {
    const columns = keyColumns(groups[0]!.counted);
    const keyOfRow = (row: Row): Key => columns.map(column => row[column]);
    const read = (keys: readonly Key[]): Promise<Row[]> => rowsByKey(em, transaction, groups, keys, lock);
    const keys = mine.map(keyOfChange);
    const rows = await read(keys);
    const byKey = new Map(rows.map(row => [hashOf(keyOfRow(row)), row]));
    const found = keys.map(key => byKey.get(hashOf(key)));
    // Memory may have the key of a row in another form, as a date, or in another spelling: only the database can tell.
    const isClear = rows.length === new Set(found).size - Number(found.includes(undefined));
    for (const [index, change] of mine.entries()) {
      const key = keys[index]!;
      const row =
        found[index] ?? (keys.length === 1 ? rows[0] : isClear && isNumeric(key) ? undefined : (await read([key]))[0]);
      if (row) states.set(change, { key: keyOfRow(row), state: stateInDatabase(row, groups) });
    }
  }
  return states;
}

async function rowsByKey(
  em: SqlEntityManager,
  transaction: Transaction,
  groups: readonly LocatedGroup[],
  keys: readonly Key[],
  lock: boolean,
): Promise<Row[]> {
  const { counted, countedSchema } = groups[0]!;
  const key = keyColumns(counted);
  const columns = columnList(em, [...new Set([...key, ...watchedIn(counted, groups)])]);
  const sorted = keys.toSorted(compareKeys);
  const found: Row[] = [];
  for (let start = 0; start < sorted.length; start += MAX_READ_ROWS) {
    const chosen = keyIn(em, key, sorted.slice(start, start + MAX_READ_ROWS));
    const rows = await queryRows(em, transaction, {
      sql:
        `select ${columns} from ${tableName(em, counted, countedSchema)} where ${chosen.sql} ` +
        `order by ${columnList(em, key)}${lock ? dialectOf(em).forUpdate : ''}`,
      parameters: chosen.parameters,
    });
    found.push(...(await withOtherTables(em, transaction, groups, counted, rows, lock)));
  }
  return found;
}

/** Returns the targets that rows had when they were loaded. Reads them, without a lock, where memory does not know. */
export async function originalTargets(
  em: SqlEntityManager,
  transaction: Transaction,
  changes: readonly CountedChange[],
): Promise<Map<CounterGroup, Key[]>> {
  const keys = new Map<CounterGroup, Key[]>(changes.flatMap(({ groups }) => groups.map(group => [group, []])));
  const unknown: CountedChange[] = [];
  for (const change of changes) {
    const { entity, originalEntity } = change.changeSet;
    const original = originalEntity ?? helper(entity).__originalEntityData;
    const targets = change.groups.map(group => originalTarget(original, group));
    if (targets.includes(undefined)) unknown.push(change);
    else targets.forEach((target, index) => target && keys.get(change.groups[index]!)!.push(target));
  }
  for (const [change, { state }] of await readRows(em, transaction, unknown, ({ key }) => key, false)) {
    for (const group of change.groups) {
      const target = state.targets[group.slot];
      if (target && 'key' in target) keys.get(group)!.push(target.key);
    }
  }
  return keys;
}

/**
 * Returns true for a change that is written as it was planned and counted, the usual case. It may return false for one
 * whose values are the same in another form.
 */
export function isAsPlanned({ changeSet, groups, planned }: CountedChange): boolean {
  const payload = payloadOf(changeSet) as Record<string, unknown>;
  return watchedProperties(groups).every(
    name => payload[name] === planned[name] && name in payload === name in planned,
  );
}

/**
 * Returns the state that a planned change was counted with, and the one that the flush has written, which hooks may have
 * changed since. Both name targets by key, because all are inserted now.
 *
 * What was written is the payload's, never the entity's: that may have been changed again and not be saved yet.
 */
export function writtenStates({ changeSet, groups, after }: CountedChange & { readonly after: RowState }): {
  planned: RowState;
  written: RowState;
} {
  const targets = groups.map(group => {
    const target = after.targets[group.slot] ?? null;
    return [group.slot, target && 'created' in target ? { key: referredOn(group, target.created) } : target];
  });
  const planned = { ...after, targets: Object.fromEntries(targets) as RowState['targets'] };
  return { planned, written: overlaid(planned, columnsIn(payloadOf(changeSet), groups), groups) };
}

/**
 * Returns true for a change of which the database may have stored a value in another form than it was given, or has
 * chosen it itself.
 */
export function isUncertain({ groups, kind, changeSet }: CountedChange, written: RowState): boolean {
  const payload = payloadOf(changeSet);
  return (
    isDoubtful(payload, written.columns, groups, kind === 'create') ||
    testsIn(groups).some(
      test => (kind === 'create' || test.property in payload) && !isForeseeable(test, written.values[test.property]),
    )
  );
}
