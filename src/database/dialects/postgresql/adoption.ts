import type { SqlEntityManager } from '@mikro-orm/sql';
import { CompiledQuery } from 'kysely';
import { createCollation, TEXT_COLLATION } from '../../../migrations/postgresql/collation.js';
import { OWNERSHIP } from '../../../migrations/postgresql/ownership.js';
import { functionComment } from '../../../migrations/postgresql/own-function.js';
import type { AdoptionRules, ExpressionRules } from '../adoption-rules.js';
import { UUID_BYTES, uuidPattern } from '../uuid-pattern.js';

/** The collation by which letters become small ones, whatever that of the database. */
const LETTERS = '"und-x-icu"';

/** What JavaScript's trim() removes. */
const SPACE =
  ' \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff';

const FIRST_SECOND = -30_610_224_000;
const LAST_SECOND = 253_402_300_799;

function digits(bytes: string): string {
  return `encode(${bytes}, 'hex')`;
}

const expressions: ExpressionRules = {
  literal,
  text(column, isKey) {
    const name = quoted(column.name);
    if (isKey && column.family === 'bytes') return digits(name);
    // The label of a native type is no constant to PostgreSQL, but the equality with one is.
    if (column.labels !== null)
      return `(case ${name} ${column.labels.map(label => `when ${literal(label)} then ${literal(label)}`).join(' ')} end)`;
    if (column.family === 'boolean' && column.type.startsWith('bool'))
      return `(case ${name} when true then '1' when false then '0' end)`;
    if (/^(json|real|double|float|bit)/.test(column.type)) return null;
    return ['text', 'whole', 'number', 'uuid'].includes(column.family) ? `${name}::text` : null;
  },
  trimmed: text => `nullif(btrim(${text}, ${literal(SPACE)}), '')`,
  lower: text => `lower(${text} collate ${LETTERS})`,
  concat: texts => `(${texts.join(' || ')})`,
  length: text => `char_length(${text})`,
  hasNul: null,
  cut: (text, length) => `left(${text}, ${length})`,
  moment(column, unit) {
    const name = quoted(column.name);
    const isGiven = `${name} is not null`;
    if (column.family === 'whole') {
      const [factor, word, last] = unit === 'seconds' ? [1, 'second', 0] : [1000, 'millisecond', 999];
      return {
        sql: `case when ${name} between ${FIRST_SECOND * factor} and ${LAST_SECOND * factor + last} then (timestamp '1970-01-01 00:00:00' + ${name} * interval '1 ${word}') at time zone 'UTC' end`,
        isGiven,
        isIndexable: true,
      };
    }
    if (column.family !== 'moment') return null;
    const inUtc = /^(timestamptz|timestamp(\(\d\))? with time zone)/.test(column.type)
      ? `${name} at time zone 'UTC'`
      : `${name}::timestamp`;
    return {
      sql: `case when ${inUtc} >= timestamp '1000-01-01 00:00:00' and ${inUtc} < timestamp '10000-01-01 00:00:00' then date_trunc('milliseconds', ${inUtc}) at time zone 'UTC' end`,
      isGiven,
      isIndexable: true,
    };
  },
  momentLiteral: moment => `timestamp '${moment.toISOString().slice(0, 19)}' at time zone 'UTC'`,
  truth: value => String(value),
};

/** What differs when PostgreSQL has the database that is opened in place. */
export const postgreSqlAdoption: AdoptionRules = {
  expressions,
  exactly: column => `${column}::text collate "C"`,
  generated: 'stored',
  derivedType: ownType => ownType,
  strictType: type => type,
  isTruth: ({ type }) => type.startsWith('bool'),
  needsSignCheck: true,
  momentDefault: () => ({ first: "date_trunc('milliseconds', statement_timestamp())", later: null }),
  namesIndexes: false,
  addIndex: ({ name, table, columns, isUnique }, quote) =>
    `create ${isUnique ? 'unique ' : ''}index concurrently ${quote(name)} on ${quote(table)} (${columns.map(quote).join(', ')})`,
  dropIndexes: (_, names, quote) => names.map(name => `drop index concurrently if exists ${quote(name)}`),
  dropsIndexesOfKeys: false,
  preparation: [
    {
      object: TEXT_COLLATION,
      sql: createCollation,
      reverse: `drop collation if exists ${TEXT_COLLATION}`,
      exists: async em =>
        (
          await em.execute<unknown[]>(
            `select 1 from pg_collation where collname = '${TEXT_COLLATION}' and collnamespace = to_regnamespace(quote_ident(current_schema()))`,
          )
        ).length > 0,
    },
  ],
  schemaName: async em => (await em.execute<{ name: string }[]>('select current_schema() as name'))[0]!.name,
  signedCount: null,
  retyped: (table, column, type) => [
    `alter table ${table} alter column ${column} type ${type} using ${column}::text::${type}`,
  ],
  keyVariable: form => (form === 'uuid' ? 'uuid' : form === 'uuid-binary' ? 'bytea' : 'text'),
  isNoUuid: (column, form) =>
    form === 'uuid-binary'
      ? `octet_length(${column}) <> ${UUID_BYTES}`
      : `(octet_length(${column}) <> ${form === 'uuid-text' ? 36 : 32} or ${column}::text !~ '^${uuidPattern(form === 'uuid-text')}$')`,
  digits,
  shortText: 'varchar(255)',
  shortBytes: 'bytea',
  longText: 'text',
  tableOptions: '',
  addsColumnsTogether: true,
  columnOption: '',
  // A row with a longer text than the 2,704 bytes of an entry would be rejected.
  canIndex: ({ type, family }) =>
    family !== 'text' || Number(/char(?:acter varying)?\((\d+)\)/.exec(type)?.[1] ?? 1000) <= 600,
  endOthers: 'End their transactions (pg_stat_activity names them)',
  effect: of =>
    of === 'columns'
      ? 'writes the table anew, and everybody waits, readers too, until it is done'
      : 'reads the table twice; reads and writes continue',
  procedures: {
    word: 'function',
    commentOf: (em, name) => functionComment(sql => em.execute(sql), name),
  },
  run,
  riskOfIndexes: () => Promise.resolve(null),
  async brokenIndexes(em) {
    const rows = await em
      .getConnection()
      .execute<{ name: string }[]>(
        'select i.relname as name from pg_index x join pg_class i on i.oid = x.indexrelid where i.relnamespace = to_regnamespace(quote_ident(current_schema())) and not (x.indisvalid and x.indisready)',
      );
    return rows.map(({ name }) => name);
  },
  needs: theirs => [
    ...['USAGE', 'CREATE'].map(privilege => ({ privilege, tables: null })),
    { privilege: OWNERSHIP, tables: theirs },
  ],
};

function literal(text: string): string {
  const plain = text.replaceAll("'", "''");
  return text.includes('\\') ? `E'${plain.replaceAll('\\', '\\\\')}'` : `'${plain}'`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * How long a statement waits for those that use the table: all others wait behind it. One that works beside others waits
 * for their transactions as long as they take, for nobody waits behind it.
 */
const [BRIEF_WAIT, NO_LIMIT] = ['2s', '0'];

/** Runs a statement. */
async function run(em: SqlEntityManager, sql: string): Promise<void> {
  const client = em.getConnection().getClient();
  await client.connection().execute(async connection => {
    const send = (text: string) => connection.executeQuery<{ readonly limit: string }>(CompiledQuery.raw(text));
    const { rows } = await send("select current_setting('lock_timeout') as limit");
    await send(`set lock_timeout = '${sql.includes(' concurrently ') ? NO_LIMIT : BRIEF_WAIT}'`);
    try {
      await send(sql);
    } finally {
      await send(`set lock_timeout = '${rows[0]!.limit}'`);
    }
  });
}
