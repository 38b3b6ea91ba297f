import { SqlitePlatform, type SqlEntityManager } from '@mikro-orm/sql';
import { onOneLine, quoted } from '../fragments.js';
import { nameIn, OWN_SCHEMA } from '../schemas.js';
import { unitsOf, unitsOfOne, type ExactColumn } from '../units.js';
import type { Dialect, FoundTrigger, TriggerBody, TriggerParts } from './dialect.js';
import { createRowTrigger, dropRowTrigger } from './row-triggers.js';

/** SQLite: one writer at a time, no row locks, and columns that take values of any type. */
export const sqlite: Dialect = {
  isOf: platform => platform instanceof SqlitePlatform,
  forUpdate: '',
  byPrimaryKey: '',
  locksIndexFirst: false,
  deleteByKeys: null,
  updatesInKeyOrder: true,
  nullSafeEqual: 'is',
  greatest: 'max',
  textType: 'text',
  blocksEventLoop: true,
  formatsSql: null,
  conditions: {
    // A column takes any text; a text that is not a number is not true.
    isTrue: name => `(typeof(${name}) in ('integer', 'real') and ${name} <> 0)`,
    isFalse: name => `(typeof(${name}) = 'text' or (typeof(${name}) in ('integer', 'real') and ${name} = 0))`,
    text: { of: name => `cast(${name} as text)`, literal: text => `${literal(text)} collate binary` },
    addsBlanks: () => false,
    number: numeric,
    exact: numeric,
    day: name => `(case when ${name} glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]' then cast(${name} as text) end)`,
    dayLiteral: day => `'${day}'`,
    // MikroORM stores milliseconds since 1970.
    dates: {
      type: 'datetime',
      digits: type => (/^datetime\b/i.test(type) ? 3 : undefined),
      stored(_platform, value) {
        if (value instanceof Date) return value.getTime();
        return typeof value === 'bigint' || typeof value === 'number' ? Number(value) : undefined;
      },
      literal: (_platform, date) => String(date.getTime()),
      now: () => `(strftime('%s', 'now') * 1000 + substr(strftime('%f', 'now'), 4))`,
    },
  },
  // Decimals are doubles here, which keep 15 digits. So sums are made of whole units, and only the result is divided.
  sums: {
    hasUnsigned: false,
    maxDigits: 15,
    amount: unitsIn,
    amountOf: unitsOfValue,
    literal: units => `(${units})`,
    unitsOf: text => BigInt(text),
    plus: (name, change, column) => inColumn(`${unitsIn(name, column)} ${change}`, column),
    stored: inColumn,
    read: decimal => String(Number(decimal)),
  },
  triggers: {
    mayChangeOwnTable: true,
    mayChangeOtherSchema: false,
    findsTablesBesideIt: true,
    precedeHooks: true,
    firedByForeignKeys: true,
    leaveToHooksSql: null,
    withoutCounting: null,
    bodies: triggerBodies,
    // There are no session variables, and a trigger that knows a function of the engine's connection would fail in others.
    guard: null,
    // SQLite takes no schema before the table, which is that of the trigger.
    create: (em, schema, trigger) => createRowTrigger(em, schema, trigger, trigger.table),
    drop: dropRowTrigger,
    find: foundTriggers,
    namesSql: (em, schema, _tables, placeholders) =>
      `select name from ${tableOfTriggers(em, schema)} where type = 'trigger' and name in (${placeholders})`,
    countInSession: null,
    isOurs: addsToColumnsOnly,
    change: (em, _tables, statements) => changeTriggers(em, statements),
  },
  columnSql: (_em, schema, table, column) =>
    `select name from pragma_table_info(${literal(table)}, ${schema === OWN_SCHEMA ? "'main'" : literal(schema)}) where name = ${literal(column)} collate nocase`,
  violatedCheck: ({ message }) => /^CHECK constraint failed: (.+)$/s.exec(message)?.[1],
  // No column is unsigned.
  isBelowRange: () => false,
  isConflict: () => false,
};

/** Returns a text in SQL. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Returns a column without the values of other types, which SQLite sorts after all numbers. */
function numeric(name: string): string {
  return `(case when typeof(${name}) in ('integer', 'real') then ${name} end)`;
}

/** The lowest and the highest whole number. */
const LOWEST = -(2n ** 63n);
const HIGHEST = 2n ** 63n - 1n;

/** What fails with the database's own "integer overflow". */
const OVERFLOW = 'abs(-9223372036854775807 - 1)';

/** Returns the number of a column in units. SQLite keeps what has more decimals, and it is rounded here. */
function unitsIn(name: string, { scale }: ExactColumn): string {
  const factor = scale === 0 ? '' : ` * ${unitsOfOne(scale)}`;
  return `(case typeof(${name}) when 'integer' then ${name}${factor} when 'real' then cast(round(${name}${factor}) as integer) else 0 end)`;
}

/** Returns the same as unitsIn() for a value in memory: with the same doubles, and half of a unit rounded away from 0. */
function unitsOfValue(value: unknown, scale: number): bigint {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return unitsOf(value, scale) ?? 0n;
  const units = value * Number(unitsOfOne(scale));
  if (Number.isNaN(units)) return 0n;
  if (Math.abs(units) >= 2 ** 63) return units < 0 ? LOWEST : HIGHEST;
  return BigInt(Math.trunc(Math.abs(units) > 2 ** 52 ? units : units + (units < 0 ? -0.5 : 0.5)));
}

/** Returns units as a column stores them. SQLite itself makes a double of a whole number that is too high. */
function inColumn(units: string, { scale, digits }: ExactColumn): string {
  const value =
    digits === undefined
      ? `case when typeof(v) = 'integer' then v`
      : `case when abs(v) < ${10n ** BigInt(digits)} then v / ${unitsOfOne(scale)}.0`;
  return `(select ${value} else ${OVERFLOW} end from (select ${units} as v))`;
}

/** Returns triggers that take no locks, because SQLite has one writer. */
function triggerBodies(sql: TriggerParts): TriggerBody[] {
  return [
    ['after insert', `begin ${sql.add('new')} end`],
    ['after update', `when ${sql.moved} or ${sql.recounted} begin ${updated(sql)} end`],
    ['after delete', `begin ${sql.subtract('old')} end`],
  ];
}

/** Returns the statements for a changed row. One that stays at its target touches it once. */
function updated(sql: TriggerParts): string {
  if (!sql.touches) return `${sql.subtract('old')} ${sql.add('new')}`;
  const [moves, stays] = [`(${sql.moved})`, `not (${sql.moved})`];
  return `${sql.subtract('old', moves)} ${sql.add('new', moves)} ${sql.change(stays)}`;
}

/** Returns the table in which SQLite keeps the statements that made the triggers of a schema. */
function tableOfTriggers(em: SqlEntityManager, schema: string): string {
  return quoted(em, nameIn(schema, 'sqlite_master'));
}

/** A name, in quotes or not. */
const NAME = '(?:`(?:[^`]|``)*`|"(?:[^"]|"")*"|\\S+)';

/** The statement of a trigger: its event, and what follows. */
const CREATE_TRIGGER = new RegExp(
  `^create trigger (?:if not exists )?${NAME} ((?:before|after|instead of)? ?(?:insert|delete|update(?: of .*?)?)) on ${NAME} for each row (.*)$`,
  'is',
);

/** Reads triggers from the statements that made them, which SQLite keeps. */
async function foundTriggers(em: SqlEntityManager, schema: string): Promise<FoundTrigger[]> {
  const rows = await em.execute<{ name: string; t: string; sql: string }[]>(
    `select name, tbl_name as t, sql from ${tableOfTriggers(em, schema)} where type = 'trigger' order by name`,
  );
  return rows.map(({ name, t: table, sql }) => {
    const [, event = '', body = sql] = CREATE_TRIGGER.exec(onOneLine(sql)) ?? [];
    return { name, table, event: event.toLowerCase(), body };
  });
}

/** A statement that begins with an addition to a stored count or sum. */
const ADDITION =
  /^update (`[^`]+`) set (`[^`]+`) = (?:\2 [+-] |\(select case when .* from \(select \(case typeof\(\2\) when ).* where /i;

/** Returns true for a body that does nothing but add to columns or subtract from them, as the engine's triggers do. */
function addsToColumnsOnly(body: string): boolean {
  const names: string[] = [];
  // Texts and names may have anything in them.
  const plain = onOneLine(body).replaceAll(/`(?:[^`]|``)*`|'(?:[^']|'')*'/g, found => {
    if (found.startsWith("'")) return "''";
    if (!names.includes(found)) names.push(found);
    return `\`n${names.indexOf(found)}\``;
  });
  const [, statements = ''] = /\bbegin\b(.*)\bend$/is.exec(plain) ?? [];
  const parts = statements
    .split(';')
    .map(part => part.trim())
    .filter(part => part !== '');
  return parts.length > 0 && parts.every(part => ADDITION.test(part));
}

/**
 * Changes triggers in the open transaction, or in one of its own, which waits for its turn among the writers of other
 * processes as each of theirs does.
 */
async function changeTriggers(em: SqlEntityManager, statements: readonly string[]): Promise<void> {
  if (!em.isInTransaction()) return em.fork().transactional(own => changeTriggers(own, statements));
  for (const statement of statements) await em.execute(statement, [], 'run');
}
