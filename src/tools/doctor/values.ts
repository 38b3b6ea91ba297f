import type { Database } from '../../database/database.js';
import { mapOf } from '../../database/mapped/mapped-driver.js';
import { storedColumns, storedTable } from '../../database/mapped/stored-names.js';
import { columnOfOurs, entitiesByTable, type TableName } from '../../database/tables.js';
import { choicesOf, UNKNOWN_MARK } from '../../map/choices.js';
import { mapParts } from '../../map/map-form.js';
import { mappedEntities, mappedTable } from '../../map/mapped-table.js';
import { failed, ok, type Finding } from './finding.js';

/** The most values that a finding names. */
const MAX_VALUES = 10;

/**
 * Examines which values of another application's database its map does not name: such a field of a row costs whoever asks
 * for it the error UNKNOWN_VALUE.
 */
export async function examineValues(database: Database): Promise<Finding[]> {
  const map = mapOf(database.driver);
  if (map === null) return [];
  const em = database.em.fork();
  const quoted = (name: string): string => em.getPlatform().quoteIdentifier(name);
  const findings: Finding[] = [];
  for (const part of mapParts) {
    const ours = (Object.keys(entitiesByTable) as TableName[]).find(
      name => entitiesByTable[name] === mappedEntities[part],
    )!;
    const table = storedTable(database, ours);
    const { props } = database.getMetadata().get<object>(mappedEntities[part]);
    for (const property of props) {
      const field: string = property.name;
      const mapped = mappedTable(map, part).propertyOf(field);
      const choices = choicesOf(part, field);
      if (mapped.kind !== 'derived' || choices === null) continue;
      const column = quoted(storedColumns(database, ours).get(columnOfOurs(property))!);
      // A truth that is unknown has no value.
      const isUnknown =
        typeof Object.values(choices)[0] === 'boolean' ? `${column} is null` : `${column} like '${UNKNOWN_MARK}%'`;
      const rows = await em.execute<{ value: string | null; rows: number | string }[]>(
        `select ${column} as value, count(*) as ${quoted('rows')} from ${quoted(table)} where ${isUnknown} group by ${column} order by count(*) desc`,
      );
      if (rows.length === 0) continue;
      const values = rows
        .slice(0, MAX_VALUES)
        .map(
          row => `${row.value === null ? 'unknown' : JSON.stringify(row.value.slice(UNKNOWN_MARK.length))} ${row.rows}`,
        );
      findings.push(
        failed(
          `${table} has values of ${field} that the map does not name, with the number of rows: ${values.join(', ')}${rows.length > MAX_VALUES ? ', …' : ''}.`,
          'Add each to the map, and adopt the database by it.',
        ),
      );
    }
  }
  return findings.length > 0 ? findings : [ok('The map names all values of the other application.')];
}
