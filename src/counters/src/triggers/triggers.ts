import { createHash } from 'node:crypto';
import type { EntityMetadata, EntityProperty, Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { amountSql, changedSql } from '../declarations/amounts.js';
import { refuseForeignKeyRules } from '../declarations/foreign-key-rules.js';
import { registryOf, type CounterGroup, type CounterRegistry, type ResolvedCounter } from '../declarations/registry.js';
import { groupsOf, type LocatedGroup } from '../declarations/schemas.js';
import { CounterError } from '../errors.js';
import type { FoundTrigger, TriggerParts, TriggerRow } from '../sql/dialects/dialect.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { onOneLine, queryRows, quoted } from '../sql/fragments.js';
import { nameIn, nameOfOwnSchema, OWN_SCHEMA } from '../sql/schemas.js';

/** The triggers of a database, compared with those that the declared counters need, by name. */
export interface TriggerStatus {
  readonly present: readonly string[];
  readonly missing: readonly string[];
  /** Triggers that exist but do something else than the declarations say now. */
  readonly different: readonly string[];
  /** Triggers of counters that are no longer declared. */
  readonly superfluous: readonly string[];
  /**
   * Triggers that somebody else made: they have a name of ours, and do nothing that a counter's trigger does, or belong
   * to another table.
   */
  readonly foreign: readonly string[];
}

/** A trigger whose name and table have their schema before them, where that is not the connection's own. */
interface LocatedTrigger extends FoundTrigger {
  readonly schema: string;
  /** The same trigger as it is named within its schema. */
  readonly local: FoundTrigger;
}

/** A trigger that the declared counters need. */
interface NeededTrigger extends LocatedTrigger {
  /** The statements that create it. */
  readonly create: readonly string[];
}

/** The beginning of the name of every trigger that keeps a counter. */
const TRIGGER_PREFIX = 'counters_';

/** The most characters in the name of a trigger: as many as MySQL allows, or fewer where the database allows fewer. */
const MAX_NAME_LENGTH = 64;

/** Compares the triggers of the database with the declared counters: their tables, events and bodies. */
export async function triggerStatus(em: SqlEntityManager): Promise<TriggerStatus> {
  const needed = neededTriggers(em);
  const found = await foundTriggers(em);
  const isPresent = (one: NeededTrigger): boolean => isSame(found.get(one.name), one);
  const isForeign = (trigger: FoundTrigger): boolean => !isOurs(em, trigger);
  return {
    present: namesOf(needed.filter(isPresent)),
    missing: namesOf(needed.filter(({ name }) => !found.has(name))),
    different: namesOf(
      needed.filter(one => {
        const existing = found.get(one.name);
        return existing && !isPresent(one) && !isForeign(existing);
      }),
    ),
    superfluous: namesOf(
      [...found.values()].filter(one => !isForeign(one) && !needed.some(({ name }) => name === one.name)),
    ),
    foreign: namesOf(
      [...found.values()].filter(
        one => isForeign(one) && !needed.some(other => other.name === one.name && isSame(one, other)),
      ),
    ),
  };
}

/** Returns the names of all triggers that the database has under a counter's name, right, wrong or foreign. */
export function existingTriggers({ present, different, superfluous, foreign }: TriggerStatus): string[] {
  return [...present, ...different, ...superfluous, ...foreign];
}

/**
 * Makes the triggers of the database those of the declared counters, all at one moment, and returns what it created and
 * dropped. On SQLite it does so in the entity manager's transaction, where one is open. Errors: COUNTER_STRATEGY where
 * somebody else's trigger has one of their names; COUNTER_DECLARATION where a foreign key's rule would fire them wrongly.
 */
export async function installTriggers(em: SqlEntityManager): Promise<{ created: string[]; dropped: string[] }> {
  refuseOwnTables(em);
  refuseForeignKeyRules(em, requireRegistry(em), 'triggers');
  const { missing, different, superfluous, foreign } = await triggerStatus(em);
  refuseForeign(foreign);
  const created = neededTriggers(em).filter(({ name }) => missing.includes(name) || different.includes(name));
  await changeTriggers(em, [
    ...(await dropStatements(em, [...different, ...superfluous])),
    ...created.flatMap(({ create }) => create),
  ]);
  return { created: namesOf(created), dropped: [...superfluous] };
}

/**
 * Drops the triggers that keep counters, all at one moment, and returns their names. Errors: COUNTER_STRATEGY where
 * somebody else's trigger has one of their names.
 */
export async function removeTriggers(em: SqlEntityManager): Promise<string[]> {
  const { present, different, superfluous, foreign } = await triggerStatus(em);
  refuseForeign(foreign);
  const names = [...present, ...different, ...superfluous];
  await changeTriggers(em, await dropStatements(em, names));
  return names;
}

/** Counts, for each schema, the groups that have the trigger that counts new rows. */
export async function countedByTriggers(
  em: SqlEntityManager,
  transaction: Transaction,
  groups: readonly LocatedGroup[],
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const [schema, mine] of Map.groupBy(groups, ({ countedSchema }) => countedSchema)) {
    const names = mine.map(group => plainTriggerName(em, group, 'after insert'));
    const sql = dialectOf(em).triggers.countSql(em, schema, tablesOf(mine), names.map(() => '?').join(', '));
    const [row] = await queryRows(em, transaction, { sql, parameters: names });
    found.set(schema, Number(row!['found']));
  }
  return found;
}

/** Returns the counters of an ORM. Errors: COUNTER_DECLARATION for one that keeps none. */
export function requireRegistry(em: SqlEntityManager): CounterRegistry {
  const registry = registryOf(em);
  if (!registry)
    throw new CounterError('COUNTER_DECLARATION', 'This ORM keeps no counters: start it with withCounters().');
  return registry;
}

function namesOf(triggers: readonly FoundTrigger[]): string[] {
  return triggers.map(({ name }) => name);
}

function isSame(found: FoundTrigger | undefined, needed: NeededTrigger): boolean {
  return (
    found !== undefined &&
    found.table === needed.table &&
    found.event === needed.event &&
    onOneLine(found.body) === onOneLine(needed.body)
  );
}

/** Returns true for a trigger that this engine made, be it in an earlier version or for another declaration. */
function isOurs(em: SqlEntityManager, { table, body }: FoundTrigger): boolean {
  return (
    groupsOf(em, requireRegistry(em)).some(group => countedTable(group) === table) &&
    dialectOf(em).triggers.isOurs(body)
  );
}

/** Refuses to replace or drop what somebody else made (COUNTER_STRATEGY). */
function refuseForeign(names: readonly string[]): void {
  if (names.length === 0) return;
  throw new CounterError(
    'COUNTER_STRATEGY',
    `These triggers have names that the counters need, but somebody else made them: ${names.join(', ')}. No trigger was changed. Rename or drop them, then try again.`,
  );
}

/**
 * Refuses counters of rows in their own table, where the database lets no trigger change the table that fired it
 * (COUNTER_STRATEGY).
 */
function refuseOwnTables(em: SqlEntityManager): void {
  const groups = groupsOf(em, requireRegistry(em));
  const { mayChangeOwnTable, mayChangeOtherSchema } = dialectOf(em).triggers;
  const elsewhere = groups.find(({ countedSchema, targetSchema }) => countedSchema !== targetSchema);
  if (!mayChangeOtherSchema && elsewhere)
    throw new CounterError(
      'COUNTER_STRATEGY',
      `${elsewhere.counters[0]!.name} counts rows of another attached database, whose triggers may not change this one. Keep it with hooks.`,
    );
  const own = groups.find(group => countedTable(group) === nameIn(group.targetSchema, group.target.tableName));
  if (mayChangeOwnTable || !own) return;
  throw new CounterError(
    'COUNTER_STRATEGY',
    `${own.counters[0]!.name} counts rows of its own table, which triggers of MySQL and MariaDB may not change. Keep it with hooks.`,
  );
}

/** Runs statements that change triggers, while nobody else uses the tables of the counters. */
async function changeTriggers(em: SqlEntityManager, statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return;
  const tables = groupsOf(em, requireRegistry(em)).flatMap(group => [
    nameIn(group.targetSchema, group.target.tableName),
    countedTable(group),
  ]);
  const quotedTables = [...new Set(tables)].map(name => quoted(em, name));
  await dialectOf(em).triggers.change(em, quotedTables, statements);
}

async function dropStatements(em: SqlEntityManager, names: readonly string[]): Promise<string[]> {
  const found = await foundTriggers(em);
  return names.flatMap(name => {
    const { schema, local } = found.get(name)!;
    return dialectOf(em).triggers.drop(em, schema, local);
  });
}

/** Returns the names, within their schema, of the tables whose rows are counted. */
function tablesOf(groups: readonly LocatedGroup[]): string[] {
  return [...new Set(groups.map(({ counted }) => counted.tableName))];
}

/** Reads the triggers of the database whose names begin as those of the declared counters do. */
async function foundTriggers(em: SqlEntityManager): Promise<Map<string, LocatedTrigger>> {
  const groups = groupsOf(em, requireRegistry(em));
  const prefixes = groups.map(group => nameIn(group.countedSchema, `${TRIGGER_PREFIX}${group.counted.tableName}_`));
  const found: LocatedTrigger[] = [];
  for (const [schema, mine] of Map.groupBy(groups, ({ countedSchema }) => countedSchema))
    for (const trigger of await dialectOf(em).triggers.find(em, schema, tablesOf(mine)))
      found.push(locatedTrigger(schema, trigger));
  return new Map(
    found
      .filter(({ name }) => prefixes.some(prefix => name.startsWith(prefix)))
      .map(trigger => [trigger.name, trigger]),
  );
}

function neededTriggers(em: SqlEntityManager): NeededTrigger[] {
  const { triggers } = dialectOf(em);
  return groupsOf(em, requireRegistry(em)).flatMap(group =>
    triggers.bodies(partsOf(group, em)).map(([event, body]) => {
      const { countedSchema: schema, counted } = group;
      const local = { name: plainTriggerName(em, group, event), table: counted.tableName, event, body };
      return { ...locatedTrigger(schema, local), create: triggers.create(em, schema, local) };
    }),
  );
}

function locatedTrigger(schema: string, local: FoundTrigger): LocatedTrigger {
  return { ...local, name: nameIn(schema, local.name), table: nameIn(schema, local.table), schema, local };
}

/** Returns the plain name of the table whose rows a group counts. */
function countedTable({ countedSchema, counted }: LocatedGroup): string {
  return nameIn(countedSchema, counted.tableName);
}

/** Returns the name of a target's table as a trigger has to name it, whose own schema is that of the counted rows. */
function targetInTrigger(em: SqlEntityManager, { countedSchema, targetSchema, target }: LocatedGroup): string {
  if (!dialectOf(em).triggers.findsTablesBesideIt) return nameIn(targetSchema, target.tableName);
  if (countedSchema === targetSchema) return target.tableName;
  return nameIn(targetSchema === OWN_SCHEMA ? nameOfOwnSchema(em)! : targetSchema, target.tableName);
}

/** Returns the name of a group's trigger for an event, without a schema, and with a hash in it where it would be too long. */
function plainTriggerName(em: SqlEntityManager, group: CounterGroup, event: string): string {
  const name = TRIGGER_PREFIX + [group.counted.tableName, ...group.foreignKey, ...event.split(' ')].join('_');
  const most = Math.min(MAX_NAME_LENGTH, em.getPlatform().getMaxIdentifierLength());
  return name.length <= most
    ? name
    : `${name.slice(0, most - 9)}_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

/** Returns the types of a table's key columns. */
function keyTypes(meta: EntityMetadata): string[] {
  return meta.primaryKeys.flatMap(name => (meta.properties[name as never] as EntityProperty).columnTypes);
}

function partsOf(group: LocatedGroup, em: SqlEntityManager): TriggerParts {
  const quote = (identifier: string): string => quoted(em, identifier);
  const { nullSafeEqual } = dialectOf(em);
  const target = quote(targetInTrigger(em, group));
  const isTargetOf = (row: TriggerRow): string =>
    `(${group.targetKey.map((key, index) => `${target}.${quote(key)} = ${row}.${quote(group.foreignKey[index]!)}`).join(' and ')})`;
  const counted = (counter: ResolvedCounter, row: string): string => amountSql(em, counter, `${row}.`);
  const update = (row: TriggerRow, amount: (counter: ResolvedCounter) => string): string =>
    `update ${target} set ${group.counters.map(counter => `${quote(counter.column)} = ${changedSql(em, counter, amount(counter))}`).join(', ')} where ${isTargetOf(row)};`;
  return {
    target,
    isTargetOf,
    moved: `not (${group.foreignKey.map(column => `new.${quote(column)} ${nullSafeEqual} old.${quote(column)}`).join(' and ')})`,
    recounted: group.counters.map(counter => `${counted(counter, 'new')} <> ${counted(counter, 'old')}`).join(' or '),
    add: row => update(row, counter => `+ ${counted(counter, row)}`),
    subtract: row => update(row, counter => `- ${counted(counter, row)}`),
    change: () => update('new', counter => `+ ${counted(counter, 'new')} - ${counted(counter, 'old')}`),
    keys: group.targetKey.map((key, index) => ({
      target: quote(key),
      foreign: quote(group.foreignKey[index]!),
      type: keyTypes(group.target)[index] ?? '',
    })),
    counts: group.counters.map(counter => ({
      column: quote(counter.column),
      counted: row => counted(counter, row),
      mayBeNegative: counter.amount.mayBeNegative,
    })),
  };
}
