import type { Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { countingTriggers, rolloutKinds, rolloutPrefix, type SomeCounters } from '../counts/rollouts.js';
import { refuseForeignKeyRules } from '../declarations/foreign-key-rules.js';
import type { CounterGroup, ResolvedCounter } from '../declarations/counter-group.js';
import { requireRegistry } from '../declarations/registry.js';
import { placesOf } from '../declarations/rows-of-types.js';
import { groupsOf, type LocatedGroup } from '../declarations/schemas.js';
import { columnsElsewhere } from '../declarations/type-tables.js';
import { CounterError } from '../errors.js';
import { retried } from '../retry.js';
import type { FoundTrigger } from '../sql/dialects/dialect.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { onOneLine, quoted } from '../sql/fragments.js';
import { namesInUse } from '../sql/trigger-names.js';
import {
  countedTable,
  locatedTrigger,
  namePrefixes,
  neededTriggers,
  plainTriggerName,
  rolloutTriggers,
  targetTable,
  type LocatedTrigger,
  type NeededTrigger,
} from './needed-triggers.js';

/** The triggers of a database, compared with those that the declared counters need, by name. */
export interface TriggerStatus {
  /** True where other programs' assignments of stored counts are ignored, or would be if no trigger were missing. */
  readonly guarded: boolean;
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

/**
 * Compares the triggers of the database with the declared counters: their tables, events and bodies, with a guard where
 * the database has a part of one. Those of a rollout, and the counters that they keep, are left out.
 */
export async function triggerStatus(em: SqlEntityManager): Promise<TriggerStatus> {
  const found = await foundTriggers(em);
  return statusOf(em, found, isGuarded(em, found));
}

/** Compares the triggers of the database with those that the declared counters need with or without a guard. */
function statusOf(em: SqlEntityManager, { regular: found, rollout }: FoundTriggers, guarded: boolean): TriggerStatus {
  const needed = neededTriggers(em, countersOf(em, rollout), guarded);
  const isPresent = (one: NeededTrigger): boolean => isSame(found.get(one.name), one);
  const isForeign = (trigger: FoundTrigger): boolean => !isOurs(em, trigger);
  return {
    guarded,
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
 * dropped. With a `guard`, what other programs assign to stored counts is ignored; without the option, it is where it was
 * before. On SQLite it does so in the entity manager's transaction, where one is open. Errors: COUNTER_STRATEGY where
 * somebody else's trigger has one of their names, and for a guard on SQLite; COUNTER_DECLARATION where a foreign key's rule
 * would fire them wrongly.
 */
export async function installTriggers(
  em: SqlEntityManager,
  { guard }: { readonly guard?: boolean } = {},
): Promise<{ created: string[]; dropped: string[] }> {
  refuseWithoutTriggers(em);
  if (guard) refuseGuard(em);
  refuseForeignKeyRules(em, requireRegistry(em), 'triggers');
  const found = await foundTriggers(em);
  const { guarded, missing, different, superfluous, foreign } = statusOf(em, found, guard ?? isGuarded(em, found));
  refuseForeign(foreign);
  const created = neededTriggers(em, countersOf(em, found.rollout), guarded).filter(
    ({ name }) => missing.includes(name) || different.includes(name),
  );
  await changeTriggers(em, [
    ...dropStatements(
      em,
      [...different, ...superfluous].map(name => found.regular.get(name)!),
    ),
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
  const { regular } = await foundTriggers(em);
  const dropped = names.map(name => regular.get(name)!);
  await changeTriggers(em, dropStatements(em, dropped));
  return names;
}

/**
 * Returns the counters of some groups that triggers keep: those with the trigger for a rollout that counts new rows, and
 * all of a group with its own.
 */
export async function keptByTriggers(
  em: SqlEntityManager,
  transaction: Transaction,
  groups: readonly LocatedGroup[],
): Promise<SomeCounters> {
  const kept = new Map<CounterGroup, ReadonlySet<ResolvedCounter>>();
  for (const [schema, mine] of Map.groupBy(groups, ({ countedSchema }) => countedSchema)) {
    const ownName = (group: LocatedGroup): string => plainTriggerName(em, group, 'after insert');
    const all = mine.flatMap(group => [
      ownName(group),
      ...group.counters.flatMap(counter => countingTriggers(em, group, counter)),
    ]);
    const used = await namesInUse(em, transaction, schema, tablesOf(mine), all, true);
    for (const group of mine) {
      const isKept = (counter: ResolvedCounter): boolean =>
        used.has(ownName(group)) || countingTriggers(em, group, counter).some(name => used.has(name));
      const its = group.counters.filter(isKept);
      if (its.length > 0) kept.set(group, new Set(its));
    }
  }
  return kept;
}

export function namesOf(triggers: readonly FoundTrigger[]): string[] {
  return triggers.map(({ name }) => name);
}

export function isSame(found: FoundTrigger | undefined, needed: NeededTrigger): boolean {
  return (
    found !== undefined &&
    found.table === needed.table &&
    found.event === needed.event &&
    onOneLine(found.body) === onOneLine(needed.body)
  );
}

/** Returns true for a trigger that this engine made, be it in an earlier version or for another declaration. */
export function isOurs(em: SqlEntityManager, { table, body }: FoundTrigger): boolean {
  const { triggers } = dialectOf(em);
  const isOn = (tableOf: (group: LocatedGroup) => string): boolean =>
    groupsOf(em, requireRegistry(em)).some(group => tableOf(group) === table);
  return triggers.isOurs(body) && (isOn(countedTable) || (triggers.guard !== null && isOn(targetTable)));
}

/** Returns true where the database has a part of a guard, or triggers that count beside one. */
export function isGuarded(em: SqlEntityManager, { regular }: FoundTriggers): boolean {
  const { guard } = dialectOf(em).triggers;
  return guard !== null && [...regular.values()].some(one => isOurs(em, one) && guard.isGuarded(one.body));
}

/** Refuses a guard where no trigger can know who assigns a stored count (COUNTER_STRATEGY). */
function refuseGuard(em: SqlEntityManager): void {
  if (dialectOf(em).triggers.guard) return;
  throw new CounterError(
    'COUNTER_STRATEGY',
    'SQLite cannot guard stored counts: a session there has no variables, so a trigger cannot tell the counts that the engine writes from those that other programs assign. Install the triggers without a guard, and take out of the other programs what assigns the counts.',
  );
}

/** Refuses to replace or drop what somebody else made (COUNTER_STRATEGY). */
export function refuseForeign(names: readonly string[]): void {
  if (names.length === 0) return;
  throw new CounterError(
    'COUNTER_STRATEGY',
    `These triggers have names that the counters need, but somebody else made them: ${names.join(', ')}. No trigger was changed. Rename or drop them, then try again.`,
  );
}

/**
 * Refuses counters that no trigger of the database can keep (COUNTER_STRATEGY): of rows in their own table, in another
 * attached database, and, where each type of rows has a table, of rows that have parts in several tables or go without a
 * trigger of their own table.
 */
export function refuseWithoutTriggers(em: SqlEntityManager, groups = groupsOf(em, requireRegistry(em))): void {
  for (const group of groups)
    for (const counter of group.counters) refuseSpreadRows(em, { ...group, counters: [counter] });
  const { mayChangeOwnTable, mayChangeOtherSchema } = dialectOf(em).triggers;
  const elsewhere = groups.find(({ countedSchema, targetSchema }) => countedSchema !== targetSchema);
  if (!mayChangeOtherSchema && elsewhere)
    throw new CounterError(
      'COUNTER_STRATEGY',
      `${elsewhere.counters[0]!.name} counts rows of another attached database, whose triggers may not change this one. Keep it with hooks.`,
    );
  const own = groups.find(group => countedTable(group) === targetTable(group));
  if (mayChangeOwnTable || !own) return;
  throw new CounterError(
    'COUNTER_STRATEGY',
    `${own.counters[0]!.name} counts rows of its own table, which triggers of MySQL and MariaDB may not change. Keep it with hooks.`,
  );
}

function refuseSpreadRows(em: SqlEntityManager, group: LocatedGroup): void {
  const { counted, type, counters } = group;
  const elsewhere = columnsElsewhere(group);
  const [{ name }] = counters as [ResolvedCounter];
  if (elsewhere.length > 0)
    throw new CounterError(
      'COUNTER_STRATEGY',
      `${name} counts rows of ${type.tableName} by ${placesOf(type, elsewhere)}, and a trigger sees the rows of one table alone. Keep it with hooks, or declare these columns in ${type.className}.`,
    );
  if (type.tptParent && !dialectOf(em).triggers.firedByForeignKeys)
    throw new CounterError(
      'COUNTER_STRATEGY',
      `${name} counts rows of ${type.tableName}, which go with their rows of ${counted.tableName} by a foreign key, and triggers of MySQL and MariaDB do not see that. Keep it with hooks.`,
    );
}

/**
 * Runs statements that change triggers, while nobody else uses the tables of the counters, and again after a conflict
 * where no transaction is open.
 */
export async function changeTriggers(em: SqlEntityManager, statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return;
  const groups = groupsOf(em, requireRegistry(em));
  // Targets first, as transactions that count lock them.
  const tables = [...groups.map(targetTable), ...groups.map(countedTable)];
  const quotedTables = [...new Set(tables)].map(name => quoted(em, name));
  await changeTables(em, () => dialectOf(em).triggers.change(em, quotedTables, statements));
}

/** Changes tables or their triggers, and tries it again after a conflict where no transaction is open. */
export async function changeTables(em: SqlEntityManager, change: () => Promise<unknown>): Promise<void> {
  const converted = (): Promise<unknown> =>
    change().catch((error: Error) => Promise.reject(em.getDriver().convertException(error)));
  await (em.isInTransaction() ? converted() : retried(em, converted));
}

export function dropStatements(em: SqlEntityManager, triggers: readonly LocatedTrigger[]): string[] {
  return triggers.flatMap(({ schema, local }) => dialectOf(em).triggers.drop(em, schema, local));
}

/** Returns the names, within their schema, of the tables whose rows are counted. */
function tablesOf(groups: readonly LocatedGroup[]): string[] {
  return [...new Set(groups.map(({ type }) => type.tableName))];
}

/** The triggers that a database has under the names of counters, by their names. */
export interface FoundTriggers {
  readonly regular: ReadonlyMap<string, LocatedTrigger>;
  /** Those of rollouts, of counters that are declared here and of others. */
  readonly rollout: ReadonlyMap<string, LocatedTrigger>;
}

/** Reads the triggers of the database whose names begin as those of the declared counters do. */
export async function foundTriggers(em: SqlEntityManager): Promise<FoundTriggers> {
  const groups = groupsOf(em, requireRegistry(em));
  const prefixes = namePrefixes(em, groups);
  const places = groups.flatMap(({ countedSchema, type, targetSchema, target }) => [
    { schema: countedSchema, table: type.tableName },
    { schema: targetSchema, table: target.tableName },
  ]);
  const found: LocatedTrigger[] = [];
  for (const [schema, mine] of Map.groupBy(places, place => place.schema))
    for (const trigger of await dialectOf(em).triggers.find(em, schema, [...new Set(mine.map(({ table }) => table))]))
      found.push(locatedTrigger(schema, trigger));
  const byName = (triggers: readonly LocatedTrigger[]): Map<string, LocatedTrigger> =>
    new Map(triggers.map(trigger => [trigger.name, trigger]));
  const counted = new Set(groups.map(countedTable));
  return {
    regular: byName(found.filter(({ name }) => prefixes.some(prefix => name.startsWith(prefix)))),
    rollout: byName(
      found.filter(
        ({ table, local }) =>
          counted.has(table) && rolloutKinds.some(kind => local.name.startsWith(rolloutPrefix(kind))),
      ),
    ),
  };
}

/** Returns the declared counters that have one of some triggers for a rollout. */
export function countersOf(em: SqlEntityManager, rollout: FoundTriggers['rollout']): SomeCounters {
  const found = new Map<CounterGroup, ReadonlySet<ResolvedCounter>>();
  if (rollout.size === 0) return found;
  for (const group of groupsOf(em, requireRegistry(em))) {
    const its = group.counters.filter(counter =>
      rolloutKinds.some(kind => rolloutTriggers(em, kind, group, counter).some(({ name }) => rollout.has(name))),
    );
    if (its.length > 0) found.set(group, new Set(its));
  }
  return found;
}
