import { procedureComment } from '../../../migrations/mysql/own-procedure.js';
import { riskOfFullLog } from '../../../migrations/mysql/redo-log.js';
import { UUID_BYTES, uuidPattern } from '../uuid-pattern.js';
import type { FoundColumn } from '../../schema/found-table.js';
import type { AdoptionRules, ExpressionRules } from '../adoption-rules.js';
import { alterTable } from './alter-table.js';

/** The differences between MySQL and MariaDB in generated columns. */
export interface AdoptionDifferences {
  /** Returns a column of the type TIMESTAMP as a DATETIME in UTC, whatever the time zone of the session. */
  readonly timestampInUtc: (column: string) => string;
  /** Whether an index of that is accepted. */
  readonly indexesTimestamps: boolean;
  /** Whether a change of a table waits for transactions that have changed a table that refers to it. */
  readonly waitsForReferring: boolean;
}

/** The collation by which values are compared exactly. */
const EXACT = 'utf8mb4_bin';

const SHORT_BYTES = 'varbinary(255)';

/** White space at the beginning and at the end; without another look for the end at each character of a long space. */
const AROUND = '^[[:space:]]++|(?<![[:space:]])[[:space:]]++$';

/** The first moment that a column can have, from which intervals are measured: none of them is negative. */
const FIRST_MOMENT = "timestamp'1000-01-01 00:00:00'";
/** The first one of the type TIMESTAMP: the second before it stands for a moment that no calendar has. */
const FIRST_TIMESTAMP = "timestamp'1970-01-01 00:00:01'";
const FIRST_SECOND = 30_610_224_000;
const LAST_SECOND = 253_402_300_799;

/** Returns what differs when MySQL or MariaDB has the database that is opened in place. */
export function serverAdoption(own: AdoptionDifferences): AdoptionRules {
  return {
    expressions: expressionsOf(own),
    exactly: column => `cast(${column} as binary)`,
    generated: 'virtual',
    derivedType: (ownType, isChoice) =>
      isChoice
        ? `varchar(64) character set utf8mb4 collate ${EXACT}`
        : /char|text/.test(ownType)
          ? `${ownType} character set utf8mb4`
          : ownType,
    strictType: type => type,
    isTruth: ({ family, type }) => (family === 'boolean' || family === 'whole') && !type.startsWith('bit'),
    needsSignCheck: false,
    momentDefault: now => ({
      first: `'${now.toISOString().slice(0, 23).replace('T', ' ')}'`,
      later: '(utc_timestamp(3))',
    }),
    namesIndexes: true,
    addIndex: ({ name, table, columns, isUnique }, quote) =>
      `alter table ${quote(table)} add ${isUnique ? 'unique ' : ''}index ${quote(name)} (${columns.map(quote).join(', ')})`,
    dropIndexes: (table, names, quote) => [
      `alter table ${quote(table)} ${names.map(name => `drop index ${quote(name)}`).join(', ')}`,
    ],
    dropsIndexesOfKeys: true,
    preparation: [],
    schemaName: () => Promise.resolve(undefined),
    signedCount: column => `modify ${column} bigint not null`,
    retyped: (table, column, type, isNullable) => [
      `alter table ${table} modify ${column} ${type} ${isNullable ? 'null' : 'not null'}`,
    ],
    keyVariable: form => (form === 'uuid-binary' ? SHORT_BYTES : 'VARCHAR(36) CHARACTER SET ascii'),
    isNoUuid: (column, form) =>
      form === 'uuid-binary'
        ? `length(${column}) <> ${UUID_BYTES}`
        : `(char_length(${column}) <> ${form === 'uuid-text' ? 36 : 32} or not (convert(${column} using utf8mb4) collate ${EXACT} regexp '^${uuidPattern(form === 'uuid-text')}$'))`,
    digits,
    shortText: 'varchar(255)',
    shortBytes: SHORT_BYTES,
    longText: 'mediumtext',
    tableOptions: ' default character set utf8mb4 engine = InnoDB',
    addsColumnsTogether: true,
    columnOption: ' invisible',
    // A text without a limit, or with one that does not fit beside others in the 3,072 bytes of a key.
    canIndex: ({ type }) => !/text|blob|json/.test(type) && Number(/char\((\d+)\)/.exec(type)?.[1] ?? 0) <= 500,
    endOthers: 'End their transactions ("show full processlist" names them)',
    effect: of =>
      of === 'columns'
        ? 'changes no row and takes a moment; if the server cannot, it copies the table, and writers wait'
        : 'reads the table once; reads and writes of others continue',
    procedures: {
      word: 'procedure',
      commentOf: (em, name) => procedureComment(sql => em.execute(sql), name),
    },
    run: (em, sql) => alterTable(em, sql, own),
    brokenIndexes: () => Promise.resolve([]),
    riskOfIndexes: (em, tables) => riskOfFullLog(sql => em.execute(sql), tables),
    needs: (theirs, ours) => [
      // ALTER TABLE needs CREATE and INSERT too. Without TRIGGER the server shows no triggers.
      ...['ALTER', 'CREATE', 'SELECT', 'INSERT', 'UPDATE', 'TRIGGER'].map(privilege => ({
        privilege,
        tables: theirs,
      })),
      ...['CREATE', 'DROP', 'REFERENCES', 'SELECT', 'INSERT', 'UPDATE', 'DELETE'].map(privilege => ({
        privilege,
        tables: ours,
      })),
    ],
  };
}

function digits(bytes: string): string {
  return `lower(hex(${bytes}))`;
}

function expressionsOf({ timestampInUtc, indexesTimestamps }: AdoptionDifferences): ExpressionRules {
  const asText = (value: string): string => `cast(${value} as char character set utf8mb4) collate ${EXACT}`;
  return {
    literal,
    text(column, isKey) {
      const name = quoted(column.name);
      const { type, family, isNumbered } = column;
      if (isKey && family === 'bytes') return `convert(${digits(name)} using utf8mb4) collate ${EXACT}`;
      // A generated column cannot refer to the numbers that the server gives.
      if (isNumbered) return null;
      if (type.startsWith('bit(1)')) return asText(`cast(${name} as unsigned)`);
      if (/^(json|float|double|real|set)/.test(type)) return null;
      // The spaces that fill a CHAR depend on the SQL mode, which MariaDB therefore refuses.
      if (family === 'text')
        return `convert(${type.startsWith('char(') ? `rtrim(${name})` : name} using utf8mb4) collate ${EXACT}`;
      return ['whole', 'boolean', 'number', 'uuid'].includes(family) ? asText(name) : null;
    },
    trimmed: text => `nullif(regexp_replace(${text}, '${AROUND}', ''), '')`,
    lower: text => `lower(${text})`,
    concat: texts => `concat(${texts.join(', ')})`,
    length: text => `char_length(${text})`,
    hasNul: text => `locate(char(0 using utf8mb4), ${text}) > 0`,
    cut: (text, length) => `left(${text}, ${length})`,
    moment(column, unit) {
      const name = quoted(column.name);
      const isGiven = `${name} is not null`;
      if (column.family === 'whole') return { sql: fromNumber(name, unit), isGiven, isIndexable: true };
      if (column.family !== 'moment') return null;
      const isTimestamp = column.type.startsWith('timestamp');
      return {
        sql: isTimestamp ? inMilliseconds(timestampInUtc(name), FIRST_TIMESTAMP) : inMilliseconds(name, FIRST_MOMENT),
        isGiven,
        isIndexable: !isTimestamp || indexesTimestamps,
      };
    },
    momentLiteral: moment => `timestamp'${moment.toISOString().slice(0, 19).replace('T', ' ')}'`,
    truth: value => (value ? '1' : '0'),
  };
}

/**
 * Returns a moment cut to milliseconds. Every other way depends on the SQL mode of the session, by which the server
 * rounds; MariaDB accepts no index of such an expression.
 */
function inMilliseconds(moment: string, first: string): string {
  return `case when ${moment} >= ${first} then ${FIRST_MOMENT} + interval cast((timestampdiff(microsecond, ${FIRST_MOMENT}, ${moment}) div 1000) * 0.001 as decimal(20, 3)) second end`;
}

function fromNumber(name: string, unit: 'seconds' | 'milliseconds'): string {
  return unit === 'seconds'
    ? `case when ${name} between ${-FIRST_SECOND} and ${LAST_SECOND} then ${FIRST_MOMENT} + interval (${name} + ${FIRST_SECOND}) second end`
    : `case when ${name} between ${-FIRST_SECOND * 1000} and ${LAST_SECOND * 1000 + 999} then ${FIRST_MOMENT} + interval cast((${name} + ${FIRST_SECOND * 1000}) * 0.001 as decimal(20, 3)) second end`;
}

/**
 * Returns a text in SQL, whatever the SQL mode and the character set of the connection: MariaDB stores the definitions of
 * columns in a form in which other characters get lost.
 */
function literal(text: string): string {
  return /^[ -[\]-~]*$/.test(text)
    ? `'${text.replaceAll("'", "''")}'`
    : `convert(0x${Buffer.from(text).toString('hex')} using utf8mb4)`;
}

function quoted(name: FoundColumn['name']): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
