import { databaseKindOf, type Database } from '../../database/database.js';
import { entitiesByTable, tableNames, type ColumnOf, type TableName } from '../../database/tables.js';
import { failed, ok, warning, type Finding } from './finding.js';

/** A column that holds the keys of a table. */
type KeyColumn = { readonly [Table in TableName]: readonly [table: Table, column: ColumnOf<Table>] }[TableName];

/** The columns that hold keys of courses without a foreign key. */
const unboundCourseIds: readonly KeyColumn[] = [
  ['core_recount_changes', 'course_id'],
  ['core_recount_runs', 'cursor_id'],
];

const BITS: Readonly<Record<string, bigint>> = { tinyint: 8n, smallint: 16n, mediumint: 24n, int: 32n, bigint: 64n };
/** The highest number that this program reads exactly, whatever the column can hold. */
const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** The numbers that a key has used up, and its end. */
interface KeyRange {
  readonly table: string;
  readonly used: bigint;
  readonly end: bigint;
  /** What ends it: a column with its type, or this program's numbers. */
  readonly limit: string;
}

/**
 * Examines how many numbers each key has left in the narrowest column that holds it: from half of them on it warns, at
 * the end it fails.
 */
export async function examineKeyRanges(database: Database, tables: readonly string[]): Promise<Finding[]> {
  const types = await typesOf(database);
  const ranges: KeyRange[] = [];
  for (const table of tableNames.filter(name => tables.includes(name)))
    ranges.push({ table, used: await usedBy(database, table), ...narrowestEnd(keyColumns(database, table), types) });
  const amiss = ranges.filter(({ used, end }) => 2n * used >= end).map(findingOf);
  if (amiss.length > 0) return amiss;
  const [highest] = ranges.toSorted((a, b) => Number(b.used * a.end - a.used * b.end));
  return highest
    ? [ok(`No key has used half of its numbers; the most, ${percentOf(highest)}%, has ${highest.table}.`)]
    : [];
}

function findingOf(range: KeyRange): Finding {
  const { table, used, end, limit } = range;
  const message = `The ids of ${table} are at ${used.toLocaleString('en-US')} of ${end.toLocaleString('en-US')} (${percentOf(range)}%), the end of ${limit}`;
  const advice =
    end === MAX_EXACT
      ? "Give the rows with the highest ids lower ones, and set the table's next id behind them."
      : 'Run "rollcall migrate up", which makes keys integers of 64 bits; where it has nothing to do, make that column bigint unsigned.';
  return used >= end ? failed(`${message}: no row can be added.`, advice) : warning(`${message}.`, advice);
}

/** Returns the share of a range that is used, in percent, rounded down. */
function percentOf({ used, end }: KeyRange): string {
  return String((100n * used) / end);
}

/** Returns the columns that hold a table's keys: its own, and those that point at it. */
function keyColumns(database: Database, table: TableName): readonly (readonly [table: string, column: string])[] {
  const metadata = database.getMetadata();
  const target = metadata.get<object>(entitiesByTable[table]);
  const pointing = tableNames.flatMap(name =>
    metadata
      .get<object>(entitiesByTable[name])
      .relations.filter(({ targetMeta }) => targetMeta === target)
      .map(({ fieldNames: [column] }) => [name, column!] as const),
  );
  return [[table, 'id'], ...pointing, ...(table === 'core_course' ? unboundCourseIds : [])];
}

/** Returns where the narrowest of some columns ends. */
function narrowestEnd(
  columns: readonly (readonly [table: string, column: string])[],
  types: ReadonlyMap<string, string>,
): Pick<KeyRange, 'end' | 'limit'> {
  const exact = { end: MAX_EXACT, limit: 'the numbers that Rollcall reads exactly' };
  return columns.reduce<Pick<KeyRange, 'end' | 'limit'>>((least, [holder, column]) => {
    const type = types.get(`${holder}.${column}`);
    const end = type === undefined ? MAX_EXACT : highestOf(type);
    return end < least.end ? { end, limit: `${holder}.${column}, which is ${type}` } : least;
  }, exact);
}

/**
 * Returns the highest number of a type of MySQL or MariaDB; of one that holds no whole numbers, the highest that is
 * read exactly.
 */
function highestOf(type: string): bigint {
  const [, name = '', unsigned] = /^(\w+)(?:\(\d+\))?( unsigned)?/.exec(type) ?? [];
  const bits = BITS[name];
  return bits === undefined ? MAX_EXACT : 2n ** (unsigned === undefined ? bits - 1n : bits) - 1n;
}

/** Returns the types of all columns; none on SQLite, whose integers have 64 bits. */
async function typesOf(database: Database): Promise<Map<string, string>> {
  if (databaseKindOf(database) === 'sqlite') return new Map();
  const sql =
    'select table_name as t, column_name as c, column_type as type from information_schema.columns where table_schema = database()';
  return new Map(
    (await database.em.getConnection().execute<{ t: string; c: string; type: string }[]>(sql)).map(({ t, c, type }) => [
      `${t}.${c}`,
      type,
    ]),
  );
}

/** Returns the highest number that a table's key has had: those of deleted rows are not given again. */
async function usedBy(database: Database, table: string): Promise<bigint> {
  const connection = database.em.getConnection();
  const isSqlite = databaseKindOf(database) === 'sqlite';
  const [row] = await connection.execute<{ highest: string | null }[]>(
    `select cast(max(id) as ${isSqlite ? 'text' : 'char'}) as highest from ${table}`,
  );
  const highest = BigInt(row?.highest ?? 0);
  const given = isSqlite ? await sequenceOf(database, table) : await counterOf(database, table);
  return given > highest ? given : highest;
}

async function sequenceOf(database: Database, table: string): Promise<bigint> {
  const [row] = await database.em
    .getConnection()
    .execute<{ seq: string }[]>('select cast(seq as text) as seq from sqlite_sequence where name = ?', [table]);
  return BigInt(row?.seq ?? 0);
}

/** Reads the counter from the table's definition, for information_schema may be a day old. */
async function counterOf(database: Database, table: string): Promise<bigint> {
  const [row] = await database.em.getConnection().execute<Record<string, string>[]>(`show create table ${table}`);
  return BigInt(/ AUTO_INCREMENT=(\d+)/.exec(row?.['Create Table'] ?? '')?.[1] ?? 1) - 1n;
}
