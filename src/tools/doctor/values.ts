import type { Database } from '../../database/database.js';
import { mapOf } from '../../database/mapped/mapped-driver.js';
import { storedColumns, storedTable, tableOfPart } from '../../database/mapped/stored-names.js';
import { columnOfOurs } from '../../database/tables.js';
import { choicesOf, UNKNOWN_MARK, unknownValueIn } from '../../map/choices.js';
import { mapParts } from '../../map/map-form.js';
import { mappedEntities, mappedTable } from '../../map/mapped-table.js';
import { quotedName } from '../../migrations/sql-names.js';
import { failed, ok, type Finding } from './finding.js';

/** The most values that a finding names. */
const MAX_NAMED_VALUES = 10;

/** A value that the map does not name; null: which it is, is not known. */
interface UnknownValue {
  readonly value: string | null;
  readonly rows: number | string;
}

/**
 * Examines which values of another application's database its map does not name. A request for such a field of a row
 * gets the error UNKNOWN_VALUE.
 */
export async function examineValues(database: Database): Promise<Finding[]> {
  const map = mapOf(database.driver);
  if (map === null) return [];
  const findings: Finding[] = [];
  for (const part of mapParts) {
    const ours = tableOfPart(part);
    for (const property of database.getMetadata().get<object>(mappedEntities[part]).props) {
      const field: string = property.name;
      const choices = choicesOf(part, field);
      if (choices === null || mappedTable(map, part).propertyOf(field).kind !== 'derived') continue;
      const column = storedColumns(database, ours).get(columnOfOurs(property))!;
      const areTruths = typeof Object.values(choices)[0] === 'boolean';
      const unknown = await unknownValues(database, storedTable(database, ours), column, areTruths);
      if (unknown.length > 0) findings.push(findingOf(storedTable(database, ours), field, unknown));
    }
  }
  return findings.length > 0 ? findings : [ok('The map names all values of the other application.')];
}

/** Returns the unknown values of a column, the commonest first. A truth that is unknown has no value. */
async function unknownValues(
  database: Database,
  table: string,
  column: string,
  areTruths: boolean,
): Promise<UnknownValue[]> {
  const em = database.em.fork();
  const [from, name, rows] = [table, column, 'rows'].map(one => quotedName(em, one));
  const isUnknown = areTruths ? `${name} is null` : `${name} like '${UNKNOWN_MARK}%'`;
  return em.execute<UnknownValue[]>(
    `select ${name} as value, count(*) as ${rows} from ${from} where ${isUnknown} group by ${name} order by count(*) desc`,
  );
}

function findingOf(table: string, field: string, unknown: readonly UnknownValue[]): Finding {
  const values = unknown
    .slice(0, MAX_NAMED_VALUES)
    .map(({ value, rows }) => `${value === null ? 'unknown' : JSON.stringify(unknownValueIn(value))} ${rows}`);
  return failed(
    `${table} has values of ${field} that the map does not name, with the number of rows: ${values.join(', ')}${unknown.length > MAX_NAMED_VALUES ? ', …' : ''}.`,
    'Add each to the map, and give "rollcall adopt --yes" again.',
  );
}
