import type { AbstractSqlConnection, SqlEntityManager } from '@mikro-orm/sql';
import { CompiledQuery } from 'kysely';
import { CounterError } from './errors.js';
import type { CounterRegistry } from './registry.js';
import { isSqlite, quoted } from './sql-names.js';
import { registryOf } from './subscriber.js';
import {
  HOOKS_VARIABLE,
  mysqlTriggers,
  sqliteTriggers,
  TRIGGER_PREFIX,
  type TriggerDefinition,
} from './trigger-sql.js';

/** Says which triggers a database has, against those that the declared counters ask for, by name. */
export interface TriggerStatus {
  readonly present: readonly string[];
  readonly missing: readonly string[];
  /** Names those that are there but do something else than the declarations say now. */
  readonly different: readonly string[];
  /** Names those of counters that are declared no more. */
  readonly superfluous: readonly string[];
  /**
   * Names those that somebody else made: they have a name of ours and do nothing that a counter's trigger does, or not
   * on its table.
   */
  readonly foreign: readonly string[];
}

/** A trigger as the database has it. */
interface FoundTrigger {
  readonly name: string;
  readonly table: string;
  /** The moment and the event, such as `after insert`. */
  readonly event: string;
  /** What runs, with its condition. */
  readonly body: string;
}

/** Compares the triggers of the database with the declared counters: their tables, events and bodies. */
export async function triggerStatus(em: SqlEntityManager): Promise<TriggerStatus> {
  const wanted = definitionsOf(em);
  const found = await foundIn(em);
  const states = (
    triggers: readonly TriggerDefinition[],
    state: (found: FoundTrigger | undefined, wanted: TriggerDefinition) => boolean,
  ): string[] => triggers.filter(one => state(found.get(one.name), one)).map(({ name }) => name);
  const isForeign = (trigger: FoundTrigger): boolean => !isOurs(em, trigger);
  return {
    present: states(wanted, (one, definition) => one !== undefined && isSame(one, definition)),
    missing: states(wanted, one => one === undefined),
    different: states(wanted, (one, definition) => one !== undefined && !isSame(one, definition) && !isForeign(one)),
    superfluous: [...found.values()]
      .filter(one => !isForeign(one) && !wanted.some(({ name }) => name === one.name))
      .map(({ name }) => name),
    foreign: [...found.values()]
      .filter(
        one => isForeign(one) && !wanted.some(definition => definition.name === one.name && isSame(one, definition)),
      )
      .map(({ name }) => name),
  };
}

function isSame(found: FoundTrigger, wanted: TriggerDefinition): boolean {
  return found.table === wanted.table && found.event === wanted.event && normal(found.body) === normal(wanted.body);
}

/**
 * Returns true for a trigger that this engine made, be it in an earlier version or for another declaration. On MySQL
 * and MariaDB each of them asks for the session variable; on SQLite each does nothing but add to columns of target
 * rows.
 */
function isOurs(em: SqlEntityManager, { table, body }: FoundTrigger): boolean {
  if (!declared(em).groups.some(({ counted }) => counted.tableName === table)) return false;
  if (body === UNSEEN) return true;
  if (!isSqlite(em)) return body.includes(HOOKS_VARIABLE);
  const [, statements = ''] = /\bbegin\b(.*)\bend$/is.exec(normal(body).replaceAll(/'(?:[^']|'')*'/g, "''")) ?? [];
  const parts = statements
    .split(';')
    .map(part => part.trim())
    .filter(part => part !== '');
  return parts.length > 0 && parts.every(part => /^update (`[^`]+`) set (`[^`]+`) = \2 [+-] .* where /i.test(part));
}

/**
 * Makes the triggers of the database those of the declared counters, all at one moment; gives what was created and
 * dropped. On SQLite it does so in the entity manager's transaction, where one is open. Errors: COUNTER_STRATEGY where
 * one of their names is somebody else's.
 */
export async function installTriggers(em: SqlEntityManager): Promise<{ created: string[]; dropped: string[] }> {
  refuseOwnTables(em);
  const { missing, different, superfluous, foreign } = await triggerStatus(em);
  refuseForeign(foreign);
  const created = definitionsOf(em).filter(({ name }) => missing.includes(name) || different.includes(name));
  await changeTriggers(em, [
    ...[...different, ...superfluous].map(name => dropOf(em, name)),
    ...created.map(({ create }) => create),
  ]);
  return { created: created.map(({ name }) => name), dropped: [...superfluous] };
}

/**
 * Drops the triggers that keep counters, all at one moment; gives their names. Errors: COUNTER_STRATEGY where one of
 * their names is somebody else's.
 */
export async function removeTriggers(em: SqlEntityManager): Promise<string[]> {
  const { present, different, superfluous, foreign } = await triggerStatus(em);
  refuseForeign(foreign);
  const names = [...present, ...different, ...superfluous];
  await changeTriggers(
    em,
    names.map(name => dropOf(em, name)),
  );
  return names;
}

/**
 * Gives the names of all triggers that the database has for counters, right or wrong, and of those that have such a
 * name.
 */
export function thereIn({ present, different, superfluous, foreign }: TriggerStatus): string[] {
  return [...present, ...different, ...superfluous, ...foreign];
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
 * Refuses to go on where the entity manager's strategy and the database's triggers do not fit (COUNTER_STRATEGY): under
 * "triggers" all must be there, under "hooks" none, for both at once would count twice.
 */
export async function checkStrategy(em: SqlEntityManager): Promise<void> {
  const status = await triggerStatus(em);
  const there = thereIn(status);
  const amiss = [...status.missing, ...status.different, ...status.superfluous, ...status.foreign];
  if (declared(em).strategy === 'hooks' && there.length > 0) {
    throw new CounterError(
      'COUNTER_STRATEGY',
      `The database keeps the counters with triggers (${there.join(', ')}), and this process would keep them with hooks. Choose one strategy.`,
    );
  }
  if (declared(em).strategy === 'triggers' && amiss.length > 0) {
    throw new CounterError(
      'COUNTER_STRATEGY',
      `The counters are to be kept by triggers, but in the database these are missing or not those of the declared counters: ${amiss.join(', ')}. Install them first.`,
    );
  }
}

/**
 * Runs statements that change triggers while nobody else uses the tables.
 *
 * MySQL and MariaDB commit each of them at once, so only locked tables keep writers from seeing some of the triggers
 * and not the others; a writer that waits crosswise for them is told of a deadlock and can run again.
 */
async function changeTriggers(em: SqlEntityManager, statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return;
  if (isSqlite(em)) {
    // In a transaction, which waits for its turn among the writers of other processes as each of theirs does.
    if (!em.isInTransaction()) return em.fork().transactional(own => changeTriggers(own, statements));
    for (const statement of statements) await em.execute(statement, [], 'run');
    return;
  }
  const client = (em.getConnection() as AbstractSqlConnection).getClient();
  const { groups } = declared(em);
  const tables = [
    ...new Set([...groups.map(({ target }) => target.tableName), ...groups.map(({ counted }) => counted.tableName)]),
  ];
  const locked = tables.map(name => `${quoted(em, name)} write`).join(', ');
  await client.connection().execute(async session => {
    const run = (sql: string): Promise<unknown> => session.executeQuery(CompiledQuery.raw(sql));
    await run(`lock tables ${locked}`).catch(explained);
    try {
      for (const statement of statements) await run(statement);
    } catch (error) {
      await run('unlock tables');
      explained(error);
    }
    await run('unlock tables');
  });
}

/** Says what a server's user lacks to change triggers (COUNTER_STRATEGY); throws other errors as they are. */
function explained(error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  const lacks: Record<string, string> = {
    ER_DBACCESS_DENIED_ERROR: 'Grant the privileges TRIGGER and LOCK TABLES.',
    ER_TABLEACCESS_DENIED_ERROR: 'Grant the privileges TRIGGER and LOCK TABLES.',
    ER_BINLOG_CREATE_ROUTINE_NEED_SUPER:
      'Set log_bin_trust_function_creators = 1 on the server, or do it as a user with the privilege SUPER.',
  };
  const wayOut = lacks[code ?? ''];
  throw wayOut
    ? new CounterError(
        'COUNTER_STRATEGY',
        `The database does not let its user change triggers: ${message}. ${wayOut}`,
        { cause: error },
      )
    : error;
}

/**
 * Refuses counters of rows in their own table, where the database lets no trigger change the table that fired it
 * (COUNTER_STRATEGY).
 */
function refuseOwnTables(em: SqlEntityManager): void {
  const own = declared(em).groups.find(({ counted, target }) => counted.tableName === target.tableName);
  if (isSqlite(em) || !own) return;
  throw new CounterError(
    'COUNTER_STRATEGY',
    `${own.counters[0]!.name} counts rows of its own table, which triggers of MySQL and MariaDB may not change. Keep it with hooks.`,
  );
}

function dropOf(em: SqlEntityManager, name: string): string {
  return `drop trigger if exists ${quoted(em, name)}`;
}

function declared(em: SqlEntityManager): CounterRegistry {
  const registry = registryOf(em);
  if (!registry)
    throw new CounterError('COUNTER_DECLARATION', 'This ORM keeps no counters: start it with withCounters().');
  return registry;
}

function definitionsOf(em: SqlEntityManager): TriggerDefinition[] {
  const make = isSqlite(em) ? sqliteTriggers : mysqlTriggers;
  return declared(em).groups.flatMap(group => make(group, em));
}

/** Stands for the SQL of a trigger that MariaDB names but does not show, to a user without the privilege TRIGGER. */
const UNSEEN = '';

/** Gives the triggers that are there by the names that counters give. */
async function foundIn(em: SqlEntityManager): Promise<Map<string, FoundTrigger>> {
  const prefixes = declared(em).groups.map(({ counted }) => `${TRIGGER_PREFIX}${counted.tableName}_`);
  const found = isSqlite(em) ? await foundOnSqlite(em) : await foundOnServer(em);
  return new Map(
    found
      .filter(({ name }) => prefixes.some(prefix => name.startsWith(prefix)))
      .map(trigger => [trigger.name, trigger]),
  );
}

/** Reads triggers from their statements, as SQLite keeps them. */
async function foundOnSqlite(em: SqlEntityManager): Promise<FoundTrigger[]> {
  const rows = await em.execute<{ name: string; t: string; sql: string }[]>(
    "select name, tbl_name as t, sql from sqlite_master where type = 'trigger' order by name",
  );
  return rows.map(({ name, t: table, sql }) => {
    const [, event = '', body = sql] =
      /^create trigger (?:if not exists )?\S+ ((?:before|after|instead of)? ?(?:insert|delete|update(?: of .*?)?)) on \S+ for each row (.*)$/is.exec(
        normal(sql),
      ) ?? [];
    return { name, table, event: event.toLowerCase(), body };
  });
}

async function foundOnServer(em: SqlEntityManager): Promise<FoundTrigger[]> {
  const rows = await em.execute<{ name: string; t: string; event: string; body: string | null }[]>(
    `select trigger_name as name, event_object_table as t, lower(concat(action_timing, ' ', event_manipulation)) as event, action_statement as body
     from information_schema.triggers where trigger_schema = database() order by trigger_name`,
  );
  return rows.map(({ name, t: table, event, body }) => ({ name, table, event, body: body ?? UNSEEN }));
}

function normal(sql: string): string {
  return sql.replace(/\s+/g, ' ').trim();
}
