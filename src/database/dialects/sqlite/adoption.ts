import type { AdoptionRules, ExpressionRules } from '../adoption-rules.js';
import { UUID_BYTES, uuidGlob } from '../uuid-pattern.js';

/** The code points that JavaScript's trim() removes. */
const SPACE = [
  9, 10, 11, 12, 13, 32, 0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009,
  0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff,
];

const FIRST_MS = -30_610_224_000_000;
const LAST_MS = 253_402_300_799_999;

const expressions: ExpressionRules = {
  literal,
  text(column, isKey) {
    const name = quoted(column.name);
    if (isKey && column.family === 'bytes') return digits(name);
    if (['moment', 'bytes', 'other'].includes(column.family)) return null;
    // A column has values of any type; a whole number can be stored as a real one.
    return `(case when typeof(${name}) = 'real' and ${name} = cast(${name} as integer) then cast(cast(${name} as integer) as text) else cast(${name} as text) end)`;
  },
  trimmed,
  // SQLite knows the small letters of ASCII only.
  lower: (text, words) =>
    capitalsOf(words).reduce(
      (sql, [capital, small]) => `replace(${sql}, ${literal(capital)}, ${literal(small)})`,
      `lower(${text})`,
    ),
  concat: texts => `(${texts.join(' || ')})`,
  // Its own functions end at a NUL.
  length: text => `length(replace(${text}, char(0), ' '))`,
  hasNul: text => `instr(${text}, char(0)) > 0`,
  cut: (text, length) => `substr(${text}, 1, ${length})`,
  moment(column, unit) {
    const name = quoted(column.name);
    const number = unit === 'seconds' ? `cast(${name} * 1000 as integer)` : `cast(${name} as integer)`;
    const whole = `when typeof(${name}) in ('integer', 'real') and ${number} between ${FIRST_MS} and ${LAST_MS} then ${number}`;
    return {
      sql: `case ${whole}${column.family === 'whole' ? '' : ` when typeof(${name}) = 'text' then ${fromText(`trim(${name})`)}`} end`,
      isGiven: `${name} is not null and not (typeof(${name}) = 'text' and ${trimmed(name)} is null)`,
      isIndexable: true,
    };
  },
  momentLiteral: moment => String(moment.valueOf()),
  truth: value => (value ? '1' : '0'),
};

function trimmed(text: string): string {
  return `nullif(trim(${text}, char(${SPACE.join(', ')})), '')`;
}

function digits(bytes: string): string {
  return `lower(hex(${bytes}))`;
}

const DECIMAL_DIGIT = '[0-9]';
const DATE = `[1-9]${DECIMAL_DIGIT.repeat(3)}-${DECIMAL_DIGIT.repeat(2)}-${DECIMAL_DIGIT.repeat(2)}`;
const TIME = `${DECIMAL_DIGIT.repeat(2)}:${DECIMAL_DIGIT.repeat(2)}:${DECIMAL_DIGIT.repeat(2)}`;

/**
 * Returns the milliseconds of a text with a date, or a date and a time, with or without an offset; NULL for any other,
 * and for a date that no calendar has. SQLite's functions round to milliseconds, so the fraction is read by itself.
 */
function fromText(text: string): string {
  const [day, time, rest] = [`substr(${text}, 1, 10)`, `substr(${text}, 12, 8)`, `substr(${text}, 20)`];
  const zone = `case when ${text} glob '*[-+]${DECIMAL_DIGIT.repeat(2)}:${DECIMAL_DIGIT.repeat(2)}' then substr(${text}, -6) when ${text} glob '*[-+]${DECIMAL_DIGIT.repeat(4)}' then substr(${text}, -5, 3) || ':' || substr(${text}, -2) when ${text} glob '*[-+]${DECIMAL_DIGIT.repeat(2)}' then substr(${text}, -3) || ':00' else '' end`;
  const fraction = `case when ${rest} glob '.${DECIMAL_DIGIT}*' then cast(cast('0' || substr(${rest}, 1, 4) as real) * 1000 + 0.5 as integer) else 0 end`;
  const isDay = `date(${day}) = ${day}`;
  return `case when ${text} glob '${DATE}' and ${isDay} then unixepoch(${text}) * 1000 when ${text} glob '${DATE}[ T]${TIME}*' and ${isDay} and substr(${time}, 1, 2) < '24' then unixepoch(${day} || ' ' || ${time} || (${zone})) * 1000 + (${fraction}) end`;
}

/** Returns the capitals outside of ASCII of the letters in some words, each with its small letter. */
function capitalsOf(words: readonly string[]): (readonly [capital: string, small: string])[] {
  const letters = [...new Set(words.join(''))].filter(letter => letter > '\u007f');
  return letters.flatMap(small => {
    const capital = small.toUpperCase();
    return capital !== small && capital.toLowerCase() === small ? [[capital, small] as const] : [];
  });
}

/** What differs when an SQLite file is opened in place. */
export const sqliteAdoption: AdoptionRules = {
  expressions,
  exactly: column => `${column} collate binary`,
  generated: 'virtual',
  derivedType: ownType => ownType,
  strictType: type => (/int|bool|date|time/.test(type) ? 'integer' : 'text'),
  isTruth: ({ family }) => family === 'boolean' || family === 'whole',
  needsSignCheck: true,
  // SQLite adds a column with a constant only.
  momentDefault: now => ({ first: String(now.getTime()), later: null }),
  namesIndexes: false,
  addIndex: ({ name, table, columns, isUnique }, quote) =>
    `create ${isUnique ? 'unique ' : ''}index ${quote(name)} on ${quote(table)} (${columns.map(quote).join(', ')})`,
  dropIndexes: (_, names, quote) => names.map(name => `drop index if exists ${quote(name)}`),
  dropsIndexesOfKeys: false,
  preparation: [],
  schemaName: () => Promise.resolve(undefined),
  signedCount: null,
  retyped: (table, column, type, isNullable) => [
    `alter table ${table} drop column ${column}`,
    `alter table ${table} add column ${column} ${type} ${isNullable ? 'null' : 'not null'}`,
  ],
  keyVariable: form => (form === 'uuid-binary' ? 'blob' : 'text'),
  isNoUuid: (column, form) =>
    form === 'uuid-binary'
      ? `(typeof(${column}) <> 'blob' or length(${column}) <> ${UUID_BYTES})`
      : `(typeof(${column}) <> 'text' or ${column} not glob '${uuidGlob(form === 'uuid-text')}')`,
  digits,
  shortText: 'varchar(255)',
  shortBytes: 'blob',
  longText: 'text',
  tableOptions: '',
  addsColumnsTogether: false,
  columnOption: '',
  canIndex: () => true,
  procedures: null,
  endOthers: 'Stop the programs that write to the file',
  effect: of =>
    of === 'columns' ? 'changes no row and takes a moment' : 'reads the table once; writers wait, and readers do not',
  run: async (em, sql) => {
    await em.getConnection().execute(sql, [], 'run');
  },
  riskOfIndexes: () => Promise.resolve(null),
  brokenIndexes: () => Promise.resolve([]),
  needs: () => [],
};

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
