import type { FoundColumn } from '../../../database/schema/found-table.js';
import { mapParts, type MapPart } from '../../../map/map-form.js';
import { mappedEntities, mappedTable } from '../../../map/mapped-table.js';
import { warning, type Finding } from '../../doctor/finding.js';
import type { Examined } from './examined.js';
import { columnsWrittenFor } from './names.js';
import { oddRows, type RowFinding } from './odd-rows.js';
import { wantedColumns } from './tables.js';

/** Finds columns without a default that the map does not read. An INSERT must fill them. */
export function requiredFindings({ tables, map }: Examined): Finding[] {
  return mapParts.flatMap(part => {
    const found = tables.get(map[part].table)!;
    const mapped = new Set(wantedColumns(map, part));
    const required = [...found.columns.values()].filter(
      ({ name, nullable, hasDefault }) => !nullable && !hasDefault && !mapped.has(name),
    );
    if (required.length === 0) return [];
    return [
      warning(
        `${found.name} has columns that must be filled and that no field maps to: ${required.map(({ name }) => name).join(', ')}. A copy leaves their values behind.`,
      ),
    ];
  });
}

/** Finds columns that cannot be empty, of fields that can be: an INSERT or UPDATE of ours would leave them so. */
export function neverEmptyFindings(examined: Examined): RowFinding[] {
  return mapParts.flatMap(part =>
    neverEmptyColumns(examined, part).map(({ field, column }) =>
      oddRows(
        `${examined.map[part].table}.${column.name} cannot be empty, and the field ${field} can.`,
        {
          inCopy: 'It makes no difference to a copy.',
          inPlace: `A change that leaves ${field} empty is NOT_WRITABLE.`,
        },
        column.family === 'text'
          ? `Say in the map what is written then: ${JSON.stringify({ [part]: { fill: { [column.name]: { value: '' } } } })}.`
          : undefined,
      ),
    ),
  );
}

/** Returns the columns of a part that cannot be empty, although their field can be, and that no `fill` fills. */
export function neverEmptyColumns(
  { theirs, tables, map }: Examined,
  part: MapPart,
): { readonly field: string; readonly column: FoundColumn }[] {
  const { isReadOnly, fill, table } = mappedTable(map, part);
  if (isReadOnly) return [];
  const { props } = theirs.database.getMetadata().get<object>(mappedEntities[part]);
  return props
    .filter(({ nullable }) => nullable)
    .flatMap(({ name: field }) =>
      columnsWrittenFor(map, part, field)
        .map(name => ({ field, column: tables.get(table)!.columns.get(name)! }))
        .filter(({ column }) => !column.nullable && !(column.name in fill)),
    );
}
