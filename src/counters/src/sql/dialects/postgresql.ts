import { BasePostgreSqlPlatform, type SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from '../../errors.js';
import type { Dialect, FoundTrigger, TriggerParts } from './dialect.js';

/** The setting with which a session says that its hooks count, so that triggers must not. */
const HOOKS_SETTING = 'counters.kept_by_hooks';

/** True in a session in which triggers count. */
const TRIGGERS_COUNT = `coalesce(current_setting('${HOOKS_SETTING}', true), '') <> '1'`;

/** The name of the quotes around the body of a trigger's function. */
const BODY_QUOTES = '$counters$';

/** The code of the errors for a missing privilege. */
const INSUFFICIENT_PRIVILEGE = '42501';

/** The code of the errors for a violated CHECK, and of those of triggers that keep a stored count from falling below 0. */
const CHECK_VIOLATION = '23514';

/** PostgreSQL: row locks, a new snapshot for each statement by default, and triggers that see all rows of a statement. */
export const postgresql: Dialect = {
  isOf: platform => platform instanceof BasePostgreSqlPlatform,
  // As an UPDATE that leaves the key alone: the check of a foreign key to the row does not wait for it, and two writers
  // that both have made that check do not wait for each other.
  forUpdate: ' for no key update',
  byPrimaryKey: '',
  updatesInKeyOrder: false,
  nullSafeEqual: 'is not distinct from',
  textType: 'text',
  blocksEventLoop: false,
  conditions: {
    // A property of the type boolean may have a column of whole numbers.
    isTrue: name => `${name}::int <> 0`,
    isFalse: name => `${name}::int = 0`,
    isText: (name, text) => `convert_to(${name}::text, 'UTF8') = decode('${Buffer.from(text).toString('hex')}', 'hex')`,
    addsBlanks: type => /^(char|character|bpchar)\b(?! varying)/i.test(type),
    number: numberSql,
  },
  triggers: {
    mayChangeOwnTable: true,
    precedeHooks: false,
    leaveToHooksSql: `set ${HOOKS_SETTING} = '1'`,
    bodies: triggerBodies,
    create: createTrigger,
    drop: (name, table) => [
      `drop trigger if exists ${name} on ${table}`,
      `drop function if exists ${functionName(name, table)}()`,
    ],
    find: foundTriggers,
    // The function reads the newest triggers, where the query itself sees those of the transaction's snapshot.
    countSql: (placeholders, tables) =>
      `select count(pg_get_triggerdef(oid)) as found from pg_trigger where tgenabled in ('O', 'A') and ${TRIGGERS_COUNT} and tgname in (${placeholders}) and ${isOn('tgrelid', tables)}`,
    isOurs: body => body.includes(HOOKS_SETTING),
    change: changeTriggers,
  },
  violatedCheck: ({ code, constraint }) => (code === CHECK_VIOLATION ? constraint : undefined),
  isBelowRange: (error, table, column) =>
    error.code === CHECK_VIOLATION && error.table === table && error.column === column,
};

/**
 * Returns a column's number as JavaScript reads it, a double: a REAL as the server prints it, and a NUMERIC beyond the
 * range of doubles without an error.
 */
function numberSql(name: string, type: string): string {
  if (/^(real|float4)/i.test(type)) return `${name}::text::float8`;
  if (!/^(numeric|decimal)/i.test(type)) return `${name}::float8`;
  return `(case when abs(${name}) between 1e-300 and 1e300 then ${name}::float8 when abs(${name}) < 1e-300 then 0 when ${name} is not null then 'Infinity' end)`;
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
function triggerBodies(sql: TriggerParts): [event: string, body: string][] {
  return [
    ...events.map(({ event, head, signs }): [string, string] => [
      event,
      `${head} ${functionBody(changeCounts(sql, signs))}`,
    ]),
    ['after truncate', `for each statement ${functionBody(clearCounts(sql))}`],
  ];
}

function functionBody(statements: string): string {
  return `declare negative text; begin if ${TRIGGERS_COUNT} then ${statements} end if; return null; end`;
}

/**
 * Returns the statements that add the rows of the transition tables to their targets. An UPDATE of no row would fire the
 * triggers of the targets' own table for ever, so there is none.
 */
function changeCounts({ target, keys, counts }: TriggerParts, signs: Readonly<Record<string, string>>): string {
  const rows = Object.entries(signs).map(([side, sign]) => {
    const row = transitions[side as keyof typeof transitions];
    const key = keys.map(({ foreign }, index) => `${row}.${foreign} as k${index}`);
    const amounts = counts.map(({ counted }, index) => `${sign}(${counted(row)}) as d${index}`);
    return `select ${[...key, ...amounts].join(', ')} from ${row}`;
  });
  const key = keys.map((_, index) => `k${index}`).join(', ');
  const sums = counts.map((_, index) => `sum(d${index}) as d${index}`);
  const changed = counts.map((_, index) => `sum(d${index}) <> 0`).join(' or ');
  const deltas = `(select ${key}, ${sums.join(', ')} from (${rows.join(' union all ')}) r group by ${key} having ${changed}) d`;
  const isTarget = keys.map(({ target: column }, index) => `t.${column} = d.k${index}`).join(' and ');
  const sets = counts.map(({ column }, index) => `${column} = t.${column} + d.d${index}`);
  const results = counts.map(({ column }, index) => `d.d${index} < 0 and t.${column} < 0 as n${index}`);
  const negative = counts.map(({ column }, index) => `when bool_or(n${index}) then ${textOf(column)}`);
  return (
    `perform 1 from ${target} t where exists (select 1 from ${deltas} where ${isTarget}) ${inOrder(keys)}; ` +
    `if found then ` +
    `with u as (update ${target} t set ${sets.join(', ')} from ${deltas} where ${isTarget} returning ${results.join(', ')}) ` +
    `select case ${negative.join(' ')} end into negative from u; ` +
    `if negative is not null then raise exception 'A stored count would fall below 0: %.', negative ` +
    `using errcode = 'check_violation', table = ${textOf(target)}, column = negative; end if; end if;`
  );
}

/** Returns the statements that set the counts of all targets to 0. */
function clearCounts({ target, keys, counts }: TriggerParts): string {
  const sets = counts.map(({ column }) => `${column} = 0`);
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

function createTrigger({ name, event, table, body }: FoundTrigger): string[] {
  const [, head, source] = /^(.*?for each statement) (.*)$/s.exec(body)!;
  return [
    // Its names mean what they mean now, in whatever session the trigger fires.
    `create or replace function ${functionName(name, table)}() returns trigger language plpgsql set search_path from current as ${BODY_QUOTES}${source}${BODY_QUOTES}`,
    `create trigger ${name} ${event} on ${table} ${head} execute function ${functionName(name, table)}()`,
  ];
}

/** Returns the name of a trigger's function: that of the trigger, in the schema of its table. */
function functionName(name: string, table: string): string {
  const schema = /^("(?:[^"]|"")*"\.)"(?:[^"]|"")*"$/.exec(table)?.[1] ?? '';
  return `${schema}${name}`;
}

/** Returns the condition that a column has one of some tables, which are in quotes. */
function isOn(column: string, tables: readonly string[]): string {
  return `${column} in (${tables.map(table => `to_regclass('${table.replaceAll("'", "''")}')`).join(', ')})`;
}

/** Reads the triggers of some tables. What its definition says beside its event is part of a trigger's body. */
async function foundTriggers(em: SqlEntityManager, tables: readonly string[]): Promise<FoundTrigger[]> {
  const rows = await em.execute<{ name: string; t: string; enabled: boolean; definition: string; source: string }[]>(
    `select t.tgname as name, c.relname as t, t.tgenabled in ('O', 'A') as enabled, p.prosrc as source,
       replace(replace(pg_get_triggerdef(t.oid), format('CREATE TRIGGER %I ', t.tgname), ''), format(' ON %I.%I', n.nspname, c.relname), '') as definition
     from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace join pg_proc p on p.oid = t.tgfoid
     where not t.tgisinternal and ${isOn('t.tgrelid', tables)} order by t.tgname`,
  );
  return rows.map(({ name, t: table, enabled, definition, source }) => {
    const [, event = '', head = definition] =
      /^(.*?) ((?:REFERENCING|FOR EACH) .*) EXECUTE FUNCTION .*$/s.exec(definition) ?? [];
    return {
      name,
      table,
      event: `${enabled ? '' : 'disabled '}${event.toLowerCase()}`,
      body: `${head.replaceAll(/\b[A-Z]+\b/g, word => word.toLowerCase())} ${source}`,
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
