import { BaseMySqlPlatform, type SqlEntityManager } from '@mikro-orm/sql';
import { CompiledQuery } from 'kysely';
import { CounterError } from '../../errors.js';
import { nameIn, OWN_SCHEMA } from '../schemas.js';
import type { Dialect, FoundTrigger, Rollout, TriggerBody, TriggerParts, TriggerRow } from './dialect.js';
import { exactSums } from './exact-sums.js';
import { createRowTrigger, dropRowTrigger } from './row-triggers.js';

/**
 * The session variable with which a connection says that its hooks count, so that triggers must not.
 *
 * With it, processes of both strategies can write at once while one strategy takes over from the other. Triggers must
 * not ask for it with IS NULL: seen with MySQL 9.7, a trigger that first ran where the variable was set finds it set
 * ever after.
 */
const HOOKS_VARIABLE = '@counters_kept_by_hooks';

/** The session variable in which a connection lists the counters that its hooks keep, by their ids, after a comma. */
const HOOKS_LIST = `${HOOKS_VARIABLE}_list`;

/** True in a session in which triggers count. */
const TRIGGERS_COUNT = `coalesce(${HOOKS_VARIABLE}, 0) = 0`;

/** The session variable with which a connection says that it may assign stored counts beside a guard. */
const ASSIGNING_VARIABLE = '@counters_may_assign';

/**
 * The session variable in which a trigger says, beside a guard, in which statement it counts: by the statement's moment,
 * so that nothing is left of it where the statement ends before the trigger does, as when it is killed.
 */
const COUNTING_VARIABLE = '@counters_counting';

/** The moment at which the statement of the session began, whatever triggers it has fired. */
const STATEMENT_MOMENT = 'utc_timestamp(6) + 0';

/** The index hint for a table whose rows are found by their keys. */
const BY_PRIMARY_KEY = ' force index (primary)';

/** The body of a trigger that MariaDB names but does not show, to a user without the privilege TRIGGER. */
const HIDDEN_BODY = '';

/** The number of the error for an unsigned column from which more is subtracted than it holds. */
const OUT_OF_RANGE = 1690;

/**
 * The number of MariaDB's error for a number that an unsigned column cannot hold, because of a trigger. It does not name
 * the table, which can be that of the statement too, if the statement names the column.
 */
const OUT_OF_COLUMN_RANGE = 1264;

/** The number of MariaDB's error for a row that another transaction has changed since the snapshot. */
const SNAPSHOT_OVERTAKEN = 1020;

/** The number of the error for a transaction that a group of MySQL servers has rolled back because of another one. */
const CERTIFICATION_FAILED = 3101;

const CHECK_VIOLATED = /^(?:Check constraint '(.+)' is violated\.|CONSTRAINT `(.+?)` failed for .+)$/s;

/** A date as the server and the driver write it, up to its whole second, and the digits after it. */
const STORED_DATE = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,6}))?$/;

/** What a user or server needs in order to change triggers, by the code of the error. */
const PRIVILEGE_HINTS: Readonly<Record<string, string>> = {
  ER_DBACCESS_DENIED_ERROR: 'Grant the privileges TRIGGER and LOCK TABLES.',
  ER_TABLEACCESS_DENIED_ERROR: 'Grant the privileges TRIGGER and LOCK TABLES.',
  ER_BINLOG_CREATE_ROUTINE_NEED_SUPER:
    'Set log_bin_trust_function_creators = 1 on the server, or do it as a user with the privilege SUPER.',
};

/** MySQL and MariaDB, which differ in nothing that the engine does but in a few messages. */
export const mysqlAndMariadb: Dialect = {
  isOf: platform => platform instanceof BaseMySqlPlatform,
  forUpdate: ' for update',
  byPrimaryKey: BY_PRIMARY_KEY,
  locksIndexFirst: true,
  deleteByKeys,
  updatesInKeyOrder: true,
  nullSafeEqual: '<=>',
  greatest: 'greatest',
  textType: 'char',
  blocksEventLoop: false,
  formatsSql: null,
  conditions: {
    isTrue: name => `${name} <> 0`,
    isFalse: name => `${name} = 0`,
    text: {
      of: name => `cast(convert(${name} using utf8mb4) as binary)`,
      literal: text => `x'${Buffer.from(text).toString('hex')}'`,
    },
    addsBlanks: () => false,
    // As JavaScript has them: doubles, and a FLOAT as the server prints it.
    number: (name, type) => (type.startsWith('float') ? `(concat(${name}) + 0e0)` : `(${name} + 0e0)`),
    exact: name => name,
    day: name => name,
    dayLiteral: day => `date'${day}'`,
    dates: {
      type: 'datetime',
      // What a TIMESTAMP reads as depends on the session.
      digits(type) {
        const [found, digits = '0'] = /^datetime\b\s*(?:\(\s*(\d)\s*\))?/i.exec(type) ?? [];
        return found === undefined ? undefined : Number(digits);
      },
      stored(platform, value) {
        const text = value instanceof Date ? platform.escape(value).slice(1, -1) : value;
        const [, second, fraction = ''] = (typeof text === 'string' && STORED_DATE.exec(text)) || [];
        return second === undefined ? undefined : `${second}.${fraction.padEnd(6, '0')}`;
      },
      literal: (platform, date) => `timestamp${platform.escape(date)}`,
      now(platform, digits) {
        const [, offset] = /^(Z|[+-]\d\d:\d\d)$/.exec(platform.getTimezone() ?? '') ?? [];
        const time = `utc_timestamp(${digits})`;
        if (offset === undefined || offset === 'Z') return offset && time;
        return `convert_tz(${time}, '+00:00', '${offset}')`;
      },
    },
  },
  sums: exactSums({ hasUnsigned: true, maxDigits: 65, exact: name => name }),
  triggers: {
    mayChangeOwnTable: false,
    mayChangeOtherSchema: true,
    findsTablesBesideIt: true,
    precedeHooks: false,
    firedByForeignKeys: false,
    leaveToHooksSql,
    withoutCounting: ids => ({
      begin: [
        `set @counters_kept_before = coalesce(${HOOKS_VARIABLE}, 0), @counters_list_before = coalesce(${HOOKS_LIST}, '')`,
        leaveToHooksSql(ids),
      ],
      end: [`set ${HOOKS_VARIABLE} = @counters_kept_before, ${HOOKS_LIST} = @counters_list_before`],
    }),
    bodies: triggerBodies,
    guard: {
      bodies: guardBodies,
      isGuarded: body => body.includes(COUNTING_VARIABLE),
      // What is left of it, where the second statement fails, is in a connection of the engine's own.
      assigning: { begin: [`set ${ASSIGNING_VARIABLE} = 1`], end: [`set ${ASSIGNING_VARIABLE} = 0`] },
    },
    create: (em, schema, trigger) => createRowTrigger(em, schema, trigger, nameIn(schema, trigger.table)),
    drop: dropRowTrigger,
    find: foundTriggers,
    namesSql: (em, schema, _tables, placeholders) =>
      `select trigger_name as name from information_schema.triggers where trigger_schema = ${schemaSql(em, schema)} and trigger_name in (${placeholders})`,
    countInSession: null,
    isOurs: body => body === HIDDEN_BODY || body.includes(HOOKS_VARIABLE),
    change: changeTriggers,
  },
  columnSql: (em, schema, table, column) =>
    `select column_name as name from information_schema.columns where table_schema = ${schemaSql(em, schema)} and table_name = ${em.getPlatform().quoteValue(table)} and column_name = ${em.getPlatform().quoteValue(column)}`,
  violatedCheck: ({ message }) => {
    const [, mysql, mariadb] = CHECK_VIOLATED.exec(message) ?? [];
    return mysql ?? mariadb;
  },
  isBelowRange: ({ message, errno, sql }, table, column) =>
    errno === OUT_OF_RANGE
      ? message.includes(`\`${table}\`.\`${column}\` `)
      : errno === OUT_OF_COLUMN_RANGE &&
        message.includes(`for column '${column}' at row `) &&
        sql?.toLowerCase().includes(column.toLowerCase()) === false,
  isConflict: ({ errno }) => errno === SNAPSHOT_OVERTAKEN || errno === CERTIFICATION_FAILED,
};

/**
 * Returns a DELETE that finds each row by its key. With `in`, the server would rather read a whole small table, and wait
 * for rows that others have locked; MariaDB obeys no hint against that. The first part of the union selects nothing: it
 * gives the keys the types of their columns, so that the index is used.
 */
function deleteByKeys(table: string, key: readonly string[], rows: number): string {
  const typed = `select ${key.join(', ')} from ${table} where false`;
  const one = `select ${key.map(() => '?').join(', ')}`;
  const wanted = [typed, ...Array.from({ length: rows }, () => one)].join(' union all ');
  const equal = key.map(column => `found.${column} = wanted.${column}`).join(' and ');
  return `delete found from (${wanted}) wanted straight_join ${table} found${BY_PRIMARY_KEY} on ${equal}`;
}

/**
 * Returns two triggers for each write: one before it, which locks the target rows, and one after it, which counts.
 *
 * The first is needed because the foreign key's check takes a shared lock on the target, from which two writers of one
 * target would deadlock; the second because a row that INSERT IGNORE drops fires only the first.
 */
function triggerBodies(sql: TriggerParts): TriggerBody[] {
  const lock = (...rows: TriggerRow[]): string =>
    `select count(*) into @counters_locked from ${sql.target} where ${rows.map(sql.isTargetOf).join(' or ')} for update;`;
  // For each statement: one that fires further triggers, which count what it changes, ends what was said before it.
  const counting = (update: string): string =>
    sql.guarded ? `set ${COUNTING_VARIABLE} = ${STATEMENT_MOMENT}; ${update} set ${COUNTING_VARIABLE} = 0;` : update;
  const add = counting(sql.add('new'));
  const subtract = counting(sql.subtract('old'));
  const bodies: TriggerBody[] = [
    ['before insert', lock('new')],
    ['after insert', add],
    ['before update', `if ${sql.moved} or ${sql.recounted} then ${lock('old', 'new')} end if;`],
    [
      'after update',
      `if ${sql.moved} then ${subtract} ${add} elseif ${sql.recounted} then ${counting(sql.change())} end if;`,
    ],
    ['before delete', lock('old')],
    ['after delete', subtract],
  ];
  const counts = sql.rollout ? countsInRollout(sql.rollout) : TRIGGERS_COUNT;
  return bodies.map(([event, body]) => [event, `begin if ${counts} then ${body} end if; end`]);
}

function guardBodies(columns: readonly string[]): TriggerBody[] {
  const isForeign = [
    TRIGGERS_COUNT,
    `coalesce(${ASSIGNING_VARIABLE}, 0) = 0`,
    `coalesce(cast(${COUNTING_VARIABLE} as decimal(20, 6)), 0) <> ${STATEMENT_MOMENT}`,
  ].join(' and ');
  const body = (value: (column: string) => string): string =>
    `begin if ${isForeign} then set ${columns.map(column => `new.${column} = ${value(column)}`).join(', ')}; end if; end`;
  return [
    ['before insert', body(() => '0')],
    ['before update', body(column => `old.${column}`)],
  ];
}

/**
 * Returns the condition that a session's hooks do not keep a counter. A session without a list has hooks of a release
 * that knew no rollouts: they keep a counter that is being removed, and not one that is being added.
 */
function countsInRollout({ kind, id }: Rollout): string {
  const isUnlisted = `find_in_set('${id}', coalesce(${HOOKS_LIST}, '')) = 0`;
  if (kind !== 'leaving') return isUnlisted;
  return `${TRIGGERS_COUNT} or (coalesce(${HOOKS_LIST}, '') <> '' and ${isUnlisted})`;
}

function leaveToHooksSql(ids: readonly string[]): string {
  return `set ${HOOKS_VARIABLE} = 1, ${HOOKS_LIST} = ',${ids.join(',')}'`;
}

/** Returns the name of a schema as a value. */
function schemaSql(em: SqlEntityManager, schema: string): string {
  return schema === OWN_SCHEMA ? 'database()' : em.getPlatform().quoteValue(schema);
}

async function foundTriggers(em: SqlEntityManager, schema: string): Promise<FoundTrigger[]> {
  const rows = await em.execute<{ name: string; t: string; event: string; body: string | null }[]>(
    `select trigger_name as name, event_object_table as t, lower(concat(action_timing, ' ', event_manipulation)) as event, action_statement as body
     from information_schema.triggers where trigger_schema = ${schemaSql(em, schema)} order by trigger_name`,
  );
  return rows.map(({ name, t: table, event, body }) => ({ name, table, event, body: body ?? HIDDEN_BODY }));
}

/**
 * Changes triggers under locks on all tables. The server commits each statement at once, so only locked tables keep
 * writers from seeing some of the triggers and not the others; a writer that waits crosswise for them gets a deadlock
 * and can run again.
 */
async function changeTriggers(
  em: SqlEntityManager,
  tables: readonly string[],
  statements: readonly string[],
): Promise<void> {
  const client = em.getConnection().getClient();
  const locked = tables.map(name => `${name} write`).join(', ');
  await client.connection().execute(async session => {
    const run = (sql: string): Promise<unknown> => session.executeQuery(CompiledQuery.raw(sql));
    await run(`lock tables ${locked}`).catch(rethrow);
    try {
      for (const statement of statements) await run(statement);
    } catch (error) {
      await run('unlock tables');
      rethrow(error);
    }
    await run('unlock tables');
  });
}

/** Throws COUNTER_STRATEGY for an error that says that a privilege is missing, and any other error as it is. */
function rethrow(error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  const hint = PRIVILEGE_HINTS[code ?? ''];
  throw hint
    ? new CounterError('COUNTER_STRATEGY', `The database does not let its user change triggers: ${message}. ${hint}`, {
        cause: error,
      })
    : error;
}
