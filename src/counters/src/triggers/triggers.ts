import { createHash } from 'node:crypto';
import type { Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { conditionSql } from '../declarations/condition.js';
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

/** A trigger that the declared counters need. */
interface NeededTrigger extends FoundTrigger {
  /** The statement that creates it. */
  readonly create: string;
}

/** The beginning of the name of every trigger that keeps a counter. */
const TRIGGER_PREFIX = 'counters_';

/** The most characters that MySQL allows in the name of a trigger. */
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
    ...[...different, ...superfluous].map(name => dropStatement(em, name)),
    ...created.map(({ create }) => create),
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
  await changeTriggers(
    em,
    names.map(name => dropStatement(em, name)),
  );
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
    const names = mine.map(group => plainTriggerName(group, 'after insert'));
    const sql = dialectOf(em).triggers.countSql(em, schema, names.map(() => '?').join(', '));
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
  await dialectOf(em).triggers.change(em, [...new Set(tables)], statements);
}

function dropStatement(em: SqlEntityManager, name: string): string {
  return `drop trigger if exists ${quoted(em, name)}`;
}

/** Reads the triggers of the database whose names begin as those of the declared counters do. */
async function foundTriggers(em: SqlEntityManager): Promise<Map<string, FoundTrigger>> {
  const groups = groupsOf(em, requireRegistry(em));
  const prefixes = groups.map(group => nameIn(group.countedSchema, `${TRIGGER_PREFIX}${group.counted.tableName}_`));
  const schemas = [...new Set(groups.map(({ countedSchema }) => countedSchema))];
  const found: FoundTrigger[] = [];
  for (const schema of schemas)
    for (const trigger of await dialectOf(em).triggers.find(em, schema))
      found.push({ ...trigger, name: nameIn(schema, trigger.name), table: nameIn(schema, trigger.table) });
  return new Map(
    found
      .filter(({ name }) => prefixes.some(prefix => name.startsWith(prefix)))
      .map(trigger => [trigger.name, trigger]),
  );
}

function neededTriggers(em: SqlEntityManager): NeededTrigger[] {
  return groupsOf(em, requireRegistry(em)).flatMap(group =>
    dialectOf(em)
      .triggers.bodies(partsOf(group, em))
      .map(([event, body]) => {
        const name = nameIn(group.countedSchema, plainTriggerName(group, event));
        const table = countedTable(group);
        // SQLite takes no schema before the table, which is that of the trigger.
        const on = dialectOf(em).triggers.mayChangeOtherSchema ? table : group.counted.tableName;
        const create = `create trigger if not exists ${quoted(em, name)} ${event} on ${quoted(em, on)} for each row ${body}`;
        return { name, table, event, body, create };
      }),
  );
}

/** Returns the plain name of the table whose rows a group counts. */
function countedTable({ countedSchema, counted }: LocatedGroup): string {
  return nameIn(countedSchema, counted.tableName);
}

/** Returns the name of a target's table as a trigger has to name it, whose own schema is that of the counted rows. */
function targetInTrigger(em: SqlEntityManager, { countedSchema, targetSchema, target }: LocatedGroup): string {
  if (countedSchema === targetSchema) return target.tableName;
  return nameIn(targetSchema === OWN_SCHEMA ? nameOfOwnSchema(em)! : targetSchema, target.tableName);
}

/** Returns the name of a group's trigger for an event, without a schema, and with a hash in it where it would be too long. */
function plainTriggerName(group: CounterGroup, event: string): string {
  const name = TRIGGER_PREFIX + [group.counted.tableName, ...group.foreignKey, ...event.split(' ')].join('_');
  return name.length <= MAX_NAME_LENGTH
    ? name
    : `${name.slice(0, 55)}_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

function partsOf(group: LocatedGroup, em: SqlEntityManager): TriggerParts {
  const quote = (identifier: string): string => quoted(em, identifier);
  const { nullSafeEqual } = dialectOf(em);
  const target = quote(targetInTrigger(em, group));
  const isTargetOf = (row: TriggerRow): string =>
    `(${group.targetKey.map((key, index) => `${target}.${quote(key)} = ${row}.${quote(group.foreignKey[index]!)}`).join(' and ')})`;
  const counted = ({ condition }: ResolvedCounter, row: TriggerRow): string =>
    condition.tests.length === 0 ? '1' : `(case when ${conditionSql(em, condition, `${row}.`)} then 1 else 0 end)`;
  const update = (row: TriggerRow, amount: (counter: ResolvedCounter) => string): string =>
    `update ${target} set ${group.counters.map(counter => `${quote(counter.column)} = ${quote(counter.column)} ${amount(counter)}`).join(', ')} where ${isTargetOf(row)};`;
  return {
    target,
    isTargetOf,
    moved: `not (${group.foreignKey.map(column => `new.${quote(column)} ${nullSafeEqual} old.${quote(column)}`).join(' and ')})`,
    recounted: group.counters.map(counter => `${counted(counter, 'new')} <> ${counted(counter, 'old')}`).join(' or '),
    add: row => update(row, counter => `+ ${counted(counter, row)}`),
    subtract: row => update(row, counter => `- ${counted(counter, row)}`),
    change: () => update('new', counter => `+ ${counted(counter, 'new')} - ${counted(counter, 'old')}`),
  };
}
