import { BasePostgreSqlPlatform, type SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from '../../errors.js';
import { quoted } from '../fragments.js';
import { nameIn } from '../schemas.js';
import type { Dialect, FoundTrigger, Rollout, TriggerBody, TriggerParts } from './dialect.js';
import { exactSums } from './exact-sums.js';

/** The setting with which a session says that its hooks count, so that triggers must not. */
const HOOKS_SETTING = 'counters.kept_by_hooks';

/** The setting in which a session lists the counters that its hooks keep, by their ids, after a comma. */
const HOOKS_LIST = `${HOOKS_SETTING}_list`;

/** True in a session in which triggers count. */
const TRIGGERS_COUNT = `coalesce(current_setting('${HOOKS_SETTING}', true), '') <> '1'`;

/** The setting with which a session or a transaction says that it may assign stored counts beside a guard. */
const ASSIGNING_SETTING = 'counters.may_assign';

/** What that setting is at the moment. */
const ASSIGNING = `coalesce(current_setting('${ASSIGNING_SETTING}', true), '')`;

/** The name of the quotes around the body of a trigger's function. */
const BODY_QUOTES = '$counters$';

/** The code of the errors for a missing privilege. */
const INSUFFICIENT_PRIVILEGE = '42501';

/** The code of the errors for a violated CHECK, and of those of triggers that keep a stored count from falling below 0. */
const CHECK_VIOLATION = '23514';

/** The codes of the errors for a failed serialization, a deadlock, and a lock that is not there to be had. */
const CONFLICTS: readonly unknown[] = ['40001', '40P01', '55P03'];

/** A date with a time and its distance from UTC, as the server writes it: `2024-12-31 23:59:59.5+05:30`. */
const STORED_DATE =
  /^(\d{4,})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::?(\d\d))?(?::(\d\d))?( BC)?$/;

/** What makes a double of a REAL by way of the text that the session prints. */
const REAL_AS_PRINTED = '::text::float8';

/** A number of microseconds beyond any date that a column has. */
const BEYOND_DATES = 10n ** 20n;

/** PostgreSQL: row locks, a new snapshot for each statement by default, and triggers that see all rows of a statement. */
export const postgresql: Dialect = {
  isOf: platform => platform instanceof BasePostgreSqlPlatform,
  // As an UPDATE that leaves the key alone: the check of a foreign key to the row does not wait for it, and two writers
  // that both have made that check do not wait for each other.
  forUpdate: ' for no key update',
  byPrimaryKey: '',
  locksIndexFirst: false,
  deleteByKeys: null,
  updatesInKeyOrder: false,
  nullSafeEqual: 'is not distinct from',
  greatest: 'greatest',
  textType: 'text',
  blocksEventLoop: false,
  // Dates are sent as ISO 8601 has them, and read in the order of day and month that the session has; doubles with all of
  // their digits.
  formatsSql: "select set_config('datestyle', 'ISO', false), set_config('extra_float_digits', '1', false)",
  conditions: {
    // A property of the type boolean may have a column of whole numbers.
    isTrue: name => `${name}::int <> 0`,
    isFalse: name => `${name}::int = 0`,
    text: {
      of: name => `convert_to(${name}::text, 'UTF8')`,
      literal: text => `decode('${Buffer.from(text).toString('hex')}', 'hex')`,
    },
    addsBlanks: type => /^(char|character|bpchar)\b(?! varying)/i.test(type),
    number: (name, type) => (isFloat(type) ? `nullif(${numberSql(name, type)}, 'NaN')` : numberSql(name, type)),
    // NaN and infinity are no decimals.
    exact,
    day: name => `(case when ${name} between date'0001-01-01' and date'9999-12-31' then ${name} end)`,
    dayLiteral: day => `date'${day}'`,
    dates: {
      type: 'timestamptz',
      // What is compared with a date without a time zone depends on the session.
      digits(type) {
        const [found, digits = '6'] =
          /^(?:timestamptz\b\s*(?:\(\s*(\d)\s*\))?|timestamp\b\s*(?:\(\s*(\d)\s*\))?\s*with time zone)/i
            .exec(type)
            ?.filter(part => part !== undefined) ?? [];
        return found === undefined ? undefined : Number(digits);
      },
      stored: (_platform, value) =>
        value instanceof Date ? microsecondsOf(value.toISOString().replace('Z', '+00')) : microsecondsOf(value),
      literal: (_platform, date) => `timestamptz'${date.toISOString()}'`,
      // Of the statement's moment: that of the transaction is before what others have committed meanwhile.
      now: (_platform, digits) => `date_trunc('${digits === 0 ? 'second' : 'milliseconds'}', clock_timestamp())`,
    },
  },
  sums: exactSums({ hasUnsigned: false, maxDigits: 1000, exact }),
  triggers: {
    mayChangeOwnTable: true,
    mayChangeOtherSchema: true,
    findsTablesBesideIt: false,
    precedeHooks: false,
    firedByForeignKeys: true,
    leaveToHooksSql: ids => leaveToHooksSql(ids, false),
    withoutCounting: ids => ({
      begin: [
        `select ${[HOOKS_SETTING, HOOKS_LIST].map(name => `set_config('${name}_before', coalesce(current_setting('${name}', true), ''), true)`).join(', ')}`,
        leaveToHooksSql(ids, true),
      ],
      end: [
        `select ${[HOOKS_SETTING, HOOKS_LIST].map(name => `set_config('${name}', current_setting('${name}_before'), true)`).join(', ')}`,
      ],
    }),
    bodies: triggerBodies,
    guard: {
      bodies: guardBodies,
      isGuarded: body => body.includes(ASSIGNING_SETTING),
      assigning: {
        begin: [
          `select set_config('${ASSIGNING_SETTING}_before', ${ASSIGNING}, true), set_config('${ASSIGNING_SETTING}', '1', true)`,
        ],
        end: [`select set_config('${ASSIGNING_SETTING}', current_setting('${ASSIGNING_SETTING}_before'), true)`],
      },
    },
    create: createTrigger,
    drop: (em, schema, { name, table }) => [
      `drop trigger if exists ${quoted(em, name)} on ${quoted(em, nameIn(schema, table))}`,
      `drop function if exists ${quoted(em, nameIn(schema, name))}()`,
    ],
    find: foundTriggers,
    // The function reads the newest triggers, where the query itself sees those of the transaction's snapshot.
    namesSql: (em, schema, tables, placeholders) =>
      `select tgname as name from pg_trigger where pg_get_triggerdef(oid) is not null and tgenabled in ('O', 'A') and tgname in (${placeholders}) and ${isOn(em, 'tgrelid', schema, tables)}`,
    countInSession: TRIGGERS_COUNT,
    isOurs: body => body.includes(HOOKS_SETTING),
    change: changeTriggers,
  },
  columnSql: (em, schema, table, column) =>
    `select attname as name from pg_attribute where ${isOn(em, 'attrelid', schema, [table])} and attname = ${em.getPlatform().quoteValue(column)} and not attisdropped`,
  violatedCheck: ({ code, constraint }) => (code === CHECK_VIOLATION ? constraint : undefined),
  isBelowRange: (error, table, column) =>
    error.code === CHECK_VIOLATION && error.table === table && error.column === column,
  isConflict: ({ code }) => CONFLICTS.includes(code),
};

function exact(name: string, type: string): string {
  return isNumeric(type) ? `(case when ${name} * 0 = 0 then ${name} end)` : name;
}

/** Returns the statement that leaves counters to hooks, for the session or for the transaction. */
function leaveToHooksSql(ids: readonly string[], inTransaction: boolean): string {
  return `select set_config('${HOOKS_SETTING}', '1', ${inTransaction}), set_config('${HOOKS_LIST}', ',${ids.join(',')}', ${inTransaction})`;
}

function isFloat(type: string): boolean {
  return /^(?:real|float|double)/i.test(type);
}

function isNumeric(type: string): boolean {
  return /^(?:numeric|decimal)/i.test(type);
}

/** Returns the microseconds from 1970 to a date as the server writes it; undefined for anything else. */
function microsecondsOf(value: unknown): bigint | undefined {
  if (value === 'infinity') return BEYOND_DATES;
  if (value === '-infinity') return -BEYOND_DATES;
  const parts = typeof value === 'string' ? STORED_DATE.exec(value) : null;
  if (!parts) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, hours, minutes = '0', seconds = '0', before] =
    parts;
  const start = new Date(0);
  start.setUTCFullYear(before ? 1 - Number(year) : Number(year), Number(month) - 1, Number(day));
  // Later than any date of JavaScript.
  if (Number.isNaN(start.getTime())) return BEYOND_DATES;
  const offset = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  const time = (Number(hour) * 60 + Number(minute)) * 60 + Number(second) - (sign === '-' ? -offset : offset);
  return (BigInt(start.getTime()) / 1000n + BigInt(time)) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}

/**
 * Returns a column's number as JavaScript reads it, a double: a REAL as the server prints it, and a NUMERIC beyond the
 * range of doubles without an error.
 */
function numberSql(name: string, type: string): string {
  if (/^(?:real|float4)/i.test(type)) return `${name}${REAL_AS_PRINTED}`;
  if (!isNumeric(type)) return `${name}::float8`;
  return `(case when abs(${name}) between 1e-300 and 1e300 then ${name}::float8 when abs(${name}) < 1e-300 then 0 when ${name} * 0 = 0 then sign(${name})::float8 * 'Infinity'::float8 end)`;
}

/** The names of the transition tables: the rows of a statement as they are after it, and as they were before. */
const transitions = { new: 'counters_new', old: 'counters_old' };

/** What each event's trigger has of the statement's rows, and what a row adds to the counts. */
const events = [
  {
    event: 'after insert',
    head: `referencing new table as ${transitions.new} for each statement`,
    signs: { new: '+' },
  },
  {
    event: 'after update',
    head: `referencing old table as ${transitions.old} new table as ${transitions.new} for each statement`,
    signs: { old: '-', new: '+' },
  },
  {
    event: 'after delete',
    head: `referencing old table as ${transitions.old} for each statement`,
    signs: { old: '-' },
  },
] as const;

/**
 * Returns one trigger for each kind of statement. It adds what the statement's rows count to their targets by one
 * UPDATE, after it has locked these in ascending order.
 */
function triggerBodies(sql: TriggerParts): TriggerBody[] {
  return [
    ...events.map(({ event, head, signs }): TriggerBody => [
      event,
      `${head} ${functionBody(sql, changeCounts(sql, signs))}`,
    ]),
    ['after truncate', `for each statement ${functionBody(sql, clearCounts(sql))}`],
  ];
}

function guardBodies(columns: readonly string[]): TriggerBody[] {
  const isForeign = `${TRIGGERS_COUNT} and ${ASSIGNING} <> '1'`;
  const body = (value: (column: string) => string): string =>
    `for each row begin if ${isForeign} then ${columns.map(column => `new.${column} := ${value(column)};`).join(' ')} end if; return new; end`;
  return [
    ['before insert', body(() => '0')],
    ['before update', body(column => `old.${column}`)],
  ];
}

function functionBody({ rollout, guarded }: TriggerParts, statements: string): string {
  const counts = rollout ? countsInRollout(rollout) : TRIGGERS_COUNT;
  const [before, run] = guarded ? [` before text := ${ASSIGNING};`, assigning(statements)] : ['', statements];
  // In whatever session the trigger fires, a REAL is printed with all of its digits.
  const settings = statements.includes(REAL_AS_PRINTED) ? `${settingSql('extra_float_digits=1')} ` : '';
  return `${settings}declare negative text;${before} begin if ${counts} then ${run} end if; return null; end`;
}

/**
 * Returns statements that may assign stored counts. An error gives the setting back its value, for it ends the
 * transaction or a savepoint. A function's own SET clause would need a superuser.
 */
function assigning(statements: string): string {
  const set = (value: string): string => `perform set_config('${ASSIGNING_SETTING}', ${value}, true);`;
  return `${set("'1'")} ${statements} ${set('before')}`;
}

/**
 * Returns the condition that a session's hooks do not keep a counter. A session without a list has hooks of a release
 * that knew no rollouts: they keep a counter that is being removed, and not one that is being added.
 */
function countsInRollout({ kind, id }: Rollout): string {
  const list = `coalesce(current_setting('${HOOKS_LIST}', true), '')`;
  const isUnlisted = `'${id}' <> all (string_to_array(${list}, ','))`;
  return kind === 'leaving' ? `(${TRIGGERS_COUNT} or (${list} <> '' and ${isUnlisted}))` : isUnlisted;
}

/**
 * Returns the statements that add the rows of the transition tables to their targets. An UPDATE of no row would fire the
 * triggers of the targets' own table for ever, so there is none.
 */
function changeCounts(
  { target, keys, counts, touched }: TriggerParts,
  signs: Readonly<Record<string, string>>,
): string {
  const rows = Object.entries(signs).map(([side, sign]) => {
    const row = transitions[side as keyof typeof transitions];
    const key = keys.map(({ foreign }, index) => `${row}.${foreign} as k${index}`);
    const amounts = counts.map(({ counted }, index) => `${sign}(${counted(row)}) as d${index}`);
    return `select ${[...key, ...amounts].join(', ')} from ${row}`;
  });
  const key = keys.map((_, index) => `k${index}`).join(', ');
  const sums = counts.map((_, index) => `sum(d${index}) as d${index}`);
  const notZero = counts.map((_, index) => `sum(d${index}) <> 0`).join(' or ');
  const deltas = `(select ${key}, ${sums.join(', ')} from (${rows.join(' union all ')}) r group by ${key} having ${notZero}) d`;
  const isTarget = keys.map(({ target: column }, index) => `t.${column} = d.k${index}`).join(' and ');
  const sets = [
    ...counts.map(({ column, floored }, index) => `${column} = t.${column} ${floored(`+ d.d${index}`, `t.${column}`)}`),
    ...touched(index => `d.d${index} <> 0`, 't.'),
  ];
  const guarded = counts.map((count, index) => ({ ...count, index })).filter(({ mayBeNegative }) => !mayBeNegative);
  const results = guarded.map(({ column, index }) => `d.d${index} < 0 and t.${column} < 0 as n${index}`);
  const negative = guarded.map(({ column, index }) => `when bool_or(n${index}) then ${textOf(column)}`);
  const update = `update ${target} t set ${sets.join(', ')} from ${deltas} where ${isTarget}`;
  const change =
    guarded.length === 0
      ? `${update};`
      : `with u as (${update} returning ${results.join(', ')}) ` +
        `select case ${negative.join(' ')} end into negative from u; ` +
        `if negative is not null then raise exception 'A stored count would fall below 0: %.', negative ` +
        `using errcode = 'check_violation', table = ${textOf(target)}, column = negative; end if;`;
  return (
    `perform 1 from ${target} t where exists (select 1 from ${deltas} where ${isTarget}) ${inOrder(keys)}; ` +
    `if found then ${change} end if;`
  );
}

/** Returns the statements that set the counts of all targets to 0. */
function clearCounts({ target, keys, counts, touched }: TriggerParts): string {
  const sets = [
    ...counts.map(({ column }) => `${column} = 0`),
    ...touched(index => `t.${counts[index]!.column} <> 0`, 't.'),
  ];
  const isCounted = counts.map(({ column }) => `t.${column} <> 0`).join(' or ');
  return (
    `perform 1 from ${target} t where ${isCounted} ${inOrder(keys)}; ` +
    `if found then update ${target} t set ${sets.join(', ')} where ${isCounted}; end if;`
  );
}

/** Returns the clauses that lock target rows in the order of compareKeys(), in which no locale has a part. */
function inOrder(keys: TriggerParts['keys']): string {
  const columns = keys.map(
    ({ target, type }) => `t.${target}${/^(text|varchar|char|citext)/i.test(type) ? ' collate "C"' : ''}`,
  );
  return `order by ${columns.join(', ')} for no key update of t`;
}

/** Returns the last part of a quoted name as a text in SQL. */
function textOf(quotedName: string): string {
  const name = /(?:^|\.)"((?:[^"]|"")*)"$/.exec(quotedName)![1]!.replaceAll('""', '"');
  return `'${name.replaceAll("'", "''")}'`;
}

function createTrigger(em: SqlEntityManager, schema: string, { name, event, table, body }: FoundTrigger): string[] {
  const [, head, settings = '', source] = /^(.*?for each (?:statement|row)) (set .*? )?((?:declare|begin) .*)$/s.exec(
    body,
  )!;
  // A trigger's function has its name, in the schema of its table.
  const run = quoted(em, nameIn(schema, name));
  // In whatever session the trigger fires, its names mean what they mean now.
  return [
    `create or replace function ${run}() returns trigger language plpgsql set search_path from current ${settings}as ${BODY_QUOTES}${source}${BODY_QUOTES}`,
    `create trigger ${quoted(em, name)} ${event} on ${quoted(em, nameIn(schema, table))} ${head} execute function ${run}()`,
  ];
}

/** Returns the condition that a column has one of some tables of a schema. */
function isOn(em: SqlEntityManager, column: string, schema: string, tables: readonly string[]): string {
  const names = tables.map(table => quoted(em, nameIn(schema, table)));
  return `${column} in (${names.map(name => `to_regclass('${name.replaceAll("'", "''")}')`).join(', ')})`;
}

/** Returns the clause of a function's setting, as the catalog has it: `name=value`. */
function settingSql(setting: string): string {
  return `set ${setting.replace('=', ' = ')}`;
}

/**
 * Reads the triggers of some tables. What its definition says beside its event is part of a trigger's body, and so are the
 * settings of its function, without the path that depends on the session that made it.
 */
async function foundTriggers(em: SqlEntityManager, schema: string, tables: readonly string[]): Promise<FoundTrigger[]> {
  const rows = await em.execute<
    { name: string; t: string; enabled: boolean; definition: string; settings: string[] | null; source: string }[]
  >(
    `select t.tgname as name, c.relname as t, t.tgenabled in ('O', 'A') as enabled, p.prosrc as source, p.proconfig as settings,
       replace(replace(pg_get_triggerdef(t.oid), format('CREATE TRIGGER %I ', t.tgname), ''), format(' ON %I.%I', n.nspname, c.relname), '') as definition
     from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace join pg_proc p on p.oid = t.tgfoid
     where not t.tgisinternal and ${isOn(em, 't.tgrelid', schema, tables)} order by t.tgname`,
  );
  return rows.map(({ name, t: table, enabled, definition, settings, source }) => {
    const [, event = '', head = definition] =
      /^(.*?) ((?:REFERENCING|FOR EACH) .*) EXECUTE FUNCTION .*$/s.exec(definition) ?? [];
    return {
      name,
      table,
      event: `${enabled ? '' : 'disabled '}${event.toLowerCase()}`,
      body: [
        head.replaceAll(/\b[A-Z]+\b/g, word => word.toLowerCase()),
        ...(settings ?? []).filter(setting => !setting.startsWith('search_path=')).map(settingSql),
        source,
      ].join(' '),
    };
  });
}

/**
 * Changes triggers in the open transaction, or in one of its own, under locks on all tables: others see all of the
 * change or nothing, and no writer has begun before it and goes on after it.
 */
async function changeTriggers(
  em: SqlEntityManager,
  tables: readonly string[],
  statements: readonly string[],
): Promise<void> {
  if (!em.isInTransaction()) return em.fork().transactional(own => changeTriggers(own, tables, statements));
  try {
    await em.execute(`lock table ${tables.join(', ')} in access exclusive mode`, [], 'run');
    for (const statement of statements) await em.execute(statement, [], 'run');
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new CounterError(
      'COUNTER_STRATEGY',
      `The database does not let its user change triggers: ${message}. Do it as the owner of the tables, who may also create functions in their schema.`,
      { cause: error },
    );
  }
}
