import { ALIASED } from '../../../database/mapped/mapped-platform.js';
import { mapParts, type DatabaseMap, type MapPart } from '../../../map/map-form.js';
import { mappedEntities, mappedTable } from '../../../map/mapped-table.js';
import { writtenColumns } from '../../../map/written-row.js';
import { warning, type Finding } from '../../doctor/finding.js';
import type { Examined } from './examined.js';

/** What MikroORM reads in the name of a column as something else than a part of that name. */
const ODD = / as |~~~|^\*$|\.\*$/i;

function isOdd(name: string): boolean {
  return ODD.test(name) || ALIASED.test(name);
}

/** Finds names by which a copy can read, and which cannot be opened in place. */
export function nameFindings({ theirs, map }: Examined): Finding[] {
  return oddNames({ theirs, map }).map(text => warning(`${text} A copy can read it.`));
}

/** Returns the names of columns that cannot be opened in place, in words, each with the way out. */
export function oddNames({ theirs, map }: Pick<Examined, 'theirs' | 'map'>): string[] {
  return mapParts.flatMap(part => {
    const { table, fill } = mappedTable(map, part);
    const properties = theirs.database.getMetadata().get<object>(mappedEntities[part]).props;
    const names = new Set([
      ...properties.flatMap(({ name }) => columnsWrittenFor(map, part, name)),
      ...Object.keys(fill),
      table,
    ]);
    return [...names]
      .filter(isOdd)
      .map(
        name =>
          `${name === table ? table : `${table}.${name}`} has a name that Rollcall's queries cannot have in place: " as ", "~~~", an asterisk alone or after a dot, or a dot after a letter and digits. Rename it.`,
      );
  });
}

/** Returns the columns of theirs that are written for a property. */
export function columnsWrittenFor(map: DatabaseMap, part: MapPart, property: string): string[] {
  const mapped = mappedTable(map, part).propertyOf(property);
  if (mapped.kind === 'theirs') return [mapped.column];
  return mapped.kind === 'derived' ? writtenColumns(mapped.source) : [];
}
