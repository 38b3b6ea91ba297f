import { dialectOf, type Database } from '../../database/database.js';
import type { NumberType } from '../../database/dialects/dialect.js';
import { keyFormOf } from '../../database/mapped/key-forms.js';
import { storedColumn, storedTable, tableOfPart } from '../../database/mapped/stored-names.js';
import { entitiesByTable, tableNames, type ColumnOf, type TableName } from '../../database/tables.js';
import { mapParts } from '../../map/map-form.js';
import { grouped } from '../words.js';
import { failed, ok, warning, type Finding } from './finding.js';

/** A column that holds the keys of a table. */
type KeyColumn = { readonly [Table in TableName]: readonly [table: Table, column: ColumnOf<Table>] }[TableName];

/** The columns that hold keys of courses without a foreign key. */
const unboundCourseIds: readonly KeyColumn[] = [
  ['core_recount_changes', 'course_id'],
  ['core_recount_runs', 'cursor_id'],
];

/** The highest number that this program reads exactly, whatever the column can hold. */
const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** The numbers that a key has used up, and its end. */
interface UsedRange {
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
export async function examineKeyRanges(database: Database, tables: readonly TableName[]): Promise<Finding[]> {
  const { inspection } = dialectOf(database);
  const types = await inspection.numberTypes(database);
  const ranges: UsedRange[] = [];
  for (const table of tables.filter(one => isNumbered(database, one)))
    ranges.push({
      table: storedTable(database, table),
      used: await inspection.highestKey(database, storedTable(database, table), storedColumn(database, table, 'id')),
      ...narrowestEnd(columnsOfKey(database, table), types),
    });
  const amiss = ranges.filter(({ used, end }) => 2n * used >= end).map(findingOf);
  if (amiss.length > 0) return amiss;
  const [highest] = ranges.toSorted((a, b) => Number(b.used * a.end - a.used * b.end));
  return highest
    ? [ok(`No key has used half of its numbers; the most, ${percentOf(highest)}%, has ${highest.table}.`)]
    : [];
}

/** Returns whether the keys of a table are numbers. */
function isNumbered(database: Database, table: TableName): boolean {
  return !mapParts.some(part => tableOfPart(part) === table && keyFormOf(database, part) !== 'number');
}

function findingOf(range: UsedRange): Finding {
  const { table, used, end, limit } = range;
  const message = `The ids of ${table} are at ${grouped(used)} of ${grouped(end)} (${percentOf(range)}%), the end of ${limit}`;
  const advice =
    end === MAX_EXACT
      ? "Give the rows with the highest ids lower ones, and set the table's next id behind them."
      : 'Run "rollcall migrate up", which makes keys integers of 64 bits; where it has nothing to do, make that column bigint unsigned.';
  return used >= end ? failed(`${message}: no row can be added.`, advice) : warning(`${message}.`, advice);
}

/** Returns the share of a range that is used, in percent, rounded down. */
function percentOf({ used, end }: UsedRange): string {
  return String((100n * used) / end);
}

/** Returns the columns that hold a table's keys: its own, and those that point at it. */
function columnsOfKey(database: Database, table: TableName): readonly (readonly [table: string, column: string])[] {
  const metadata = database.getMetadata();
  const target = metadata.get<object>(entitiesByTable[table]);
  const pointing = tableNames.flatMap(name =>
    metadata
      .get<object>(entitiesByTable[name])
      .relations.filter(({ targetMeta }) => targetMeta === target)
      .map(({ fieldNames: [column] }) => [storedTable(database, name), column!] as const),
  );
  const own = [storedTable(database, table), storedColumn(database, table, 'id')] as const;
  return [own, ...pointing, ...(table === 'core_course' ? unboundCourseIds : [])];
}

/** Returns where the narrowest of some columns ends. */
function narrowestEnd(
  columns: readonly (readonly [table: string, column: string])[],
  types: ReadonlyMap<string, NumberType>,
): Pick<UsedRange, 'end' | 'limit'> {
  const exact = { end: MAX_EXACT, limit: 'the numbers that Rollcall reads exactly' };
  return columns.reduce<Pick<UsedRange, 'end' | 'limit'>>((least, [holder, column]) => {
    const type = types.get(`${holder}.${column}`);
    return type !== undefined && type.highest < least.end
      ? { end: type.highest, limit: `${holder}.${column}, which is ${type.name}` }
      : least;
  }, exact);
}
