import { SqlitePlatform, type SqlEntityManager } from '@mikro-orm/sql';
import { onOneLine, quoted } from '../fragments.js';
import { nameIn } from '../schemas.js';
import type { Dialect, FoundTrigger, TriggerParts } from './dialect.js';
import { createRowTrigger, dropRowTrigger } from './row-triggers.js';

/** SQLite: one writer at a time, no row locks, and columns that take values of any type. */
export const sqlite: Dialect = {
  isOf: platform => platform instanceof SqlitePlatform,
  forUpdate: '',
  byPrimaryKey: '',
  updatesInKeyOrder: true,
  nullSafeEqual: 'is',
  textType: 'text',
  blocksEventLoop: true,
  conditions: {
    // A column takes any text; a text that is not a number is not true.
    isTrue: name => `(typeof(${name}) in ('integer', 'real') and ${name} <> 0)`,
    isFalse: name => `(typeof(${name}) = 'text' or (typeof(${name}) in ('integer', 'real') and ${name} = 0))`,
    isText: (name, text) => `cast(${name} as text) = '${text.replaceAll("'", "''")}' collate binary`,
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
    },
  },
  triggers: {
    mayChangeOwnTable: true,
    mayChangeOtherSchema: false,
    findsTablesBesideIt: true,
    precedeHooks: true,
    firedByForeignKeys: true,
    leaveToHooksSql: null,
    bodies: triggerBodies,
    // SQLite takes no schema before the table, which is that of the trigger.
    create: (em, schema, trigger) => createRowTrigger(em, schema, trigger, trigger.table),
    drop: dropRowTrigger,
    find: foundTriggers,
    countSql: (em, schema, _tables, placeholders) =>
      `select count(*) as found from ${tableOfTriggers(em, schema)} where type = 'trigger' and name in (${placeholders})`,
    isOurs: addsToColumnsOnly,
    change: (em, _tables, statements) => changeTriggers(em, statements),
  },
  violatedCheck: ({ message }) => /^CHECK constraint failed: (.+)$/s.exec(message)?.[1],
  // No column is unsigned.
  isBelowRange: () => false,
  isConflict: () => false,
};

/** Returns a column without the values of other types, which SQLite sorts after all numbers. */
function numeric(name: string): string {
  return `(case when typeof(${name}) in ('integer', 'real') then ${name} end)`;
}

/** Returns triggers that take no locks, because SQLite has one writer. */
function triggerBodies(sql: TriggerParts): [event: string, body: string][] {
  return [
    ['after insert', `begin ${sql.add('new')} end`],
    ['after update', `when ${sql.moved} or ${sql.recounted} begin ${sql.subtract('old')} ${sql.add('new')} end`],
    ['after delete', `begin ${sql.subtract('old')} end`],
  ];
}

/** Returns the table in which SQLite keeps the statements that made the triggers of a schema. */
function tableOfTriggers(em: SqlEntityManager, schema: string): string {
  return quoted(em, nameIn(schema, 'sqlite_master'));
}

/** Reads triggers from the statements that made them, which SQLite keeps. */
async function foundTriggers(em: SqlEntityManager, schema: string): Promise<FoundTrigger[]> {
  const rows = await em.execute<{ name: string; t: string; sql: string }[]>(
    `select name, tbl_name as t, sql from ${tableOfTriggers(em, schema)} where type = 'trigger' order by name`,
  );
  return rows.map(({ name, t: table, sql }) => {
    const [, event = '', body = sql] =
      /^create trigger (?:if not exists )?\S+ ((?:before|after|instead of)? ?(?:insert|delete|update(?: of .*?)?)) on \S+ for each row (.*)$/is.exec(
        onOneLine(sql),
      ) ?? [];
    return { name, table, event: event.toLowerCase(), body };
  });
}

/** Returns true for a body that does nothing but add to columns or subtract from them, as the engine's triggers do. */
function addsToColumnsOnly(body: string): boolean {
  const [, statements = ''] = /\bbegin\b(.*)\bend$/is.exec(onOneLine(body).replaceAll(/'(?:[^']|'')*'/g, "''")) ?? [];
  const parts = statements
    .split(';')
    .map(part => part.trim())
    .filter(part => part !== '');
  return parts.length > 0 && parts.every(part => /^update (`[^`]+`) set (`[^`]+`) = \2 [+-] .* where /i.test(part));
}

/**
 * Changes triggers in the open transaction, or in one of its own, which waits for its turn among the writers of other
 * processes as each of theirs does.
 */
async function changeTriggers(em: SqlEntityManager, statements: readonly string[]): Promise<void> {
  if (!em.isInTransaction()) return em.fork().transactional(own => changeTriggers(own, statements));
  for (const statement of statements) await em.execute(statement, [], 'run');
}
