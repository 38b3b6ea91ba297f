import type { FoundColumn, FoundTable } from '../../../database/schema/found-table.js';
import { mapParts, type DatabaseMap, type MapPart } from '../../../map/map-form.js';
import { ADDED_PREFIX, mappedEntities, mappedTable } from '../../../map/mapped-table.js';
import type { Examined } from '../check/examined.js';
import { neverEmptyColumns } from '../check/required.js';
import { columnsWrittenFor } from '../check/names.js';

/**
 * Returns the columns that an INSERT of ours would leave without a value, although they must have one: for each table
 * one text, with what to write into the map.
 */
export function requiredColumns(examined: Examined): string[] {
  const { theirs, tables, map } = examined;
  return mapParts.flatMap(part => {
    const { isReadOnly, fill, table, keys } = mappedTable(map, part);
    const found = tables.get(table)!;
    if (isReadOnly) return [];
    const properties = theirs.database.getMetadata().get<object>(mappedEntities[part]).props;
    const written = new Set([
      map[part].columns.id,
      ...Object.keys(fill),
      ...properties.flatMap(({ name }) => columnsWrittenFor(map, part, name)),
    ]);
    const readOnly = JSON.stringify({ [part]: { readOnly: true } });
    const { id } = map[part].columns;
    const unnumbered =
      keys !== 'number' || found.columns.get(id)!.hasDefault
        ? []
        : [
            `${table}.${id} gets no number from the database, so that Rollcall can add no row. Have the database number it, or say in the map that Rollcall adds and changes no rows of it: ${readOnly}.`,
          ];
    const required = [...found.columns.values()].filter(
      ({ name, nullable, hasDefault }) =>
        !nullable && !hasDefault && !written.has(name) && !name.startsWith(ADDED_PREFIX),
    );
    if (required.length === 0) return unnumbered;
    // A map without these is accepted; they are named here so that one correction is enough.
    const texts = neverEmptyColumns(examined, part)
      .map(({ column }) => column)
      .filter(({ family }) => family === 'text');
    const filled = Object.fromEntries(
      [...required, ...texts].map(column => [column.name, filling(map, part, found, column)]),
    );
    return [
      ...unnumbered,
      `${table} has columns without a default, to which no field maps: ${required.map(({ name }) => name).join(', ')}. Say in the map what a new row has there, such as ${JSON.stringify({ [part]: { fill: filled } })}, or that Rollcall adds and changes no rows of it: ${readOnly}.`,
    ];
  });
}

/** Returns what to fill a column with, as far as its type says. */
function filling(map: DatabaseMap, part: MapPart, { keys }: FoundTable, { name, family }: FoundColumn): object {
  if (family === 'moment') return { value: '2000-01-01 00:00:00' };
  if (family === 'boolean') return { value: false };
  if (family !== 'text') return { value: 0 };
  const isUnique = keys.some(({ columns }) => columns.length === 1 && columns[0] === name);
  return isUnique || name.endsWith('slug')
    ? { slug: `{${nameColumn(map, part)}}-{${map[part].columns.id}}` }
    : { value: '' };
}

/** Returns the column that names a row for people. */
function nameColumn(map: DatabaseMap, part: MapPart): string {
  const { title } = map.courses.columns;
  return part === 'courses' && typeof title === 'string' ? title : map[part].columns.id;
}
