import type { FoundColumn, FoundTables } from '../../../database/schema/found-table.js';
import { keyText, uuidIn, type Key } from '../../../entities/index.js';
import { mapParts, type DatabaseMap, type MapPart } from '../../../map/map-form.js';

/** What the keys of a table are: whole numbers, or texts, among which are UUIDs in all forms in which databases have them. */
export type KeyKind = 'number' | 'text';

/** Returns what the keys in a column are; null: it has a type of which there are no keys, such as a moment. */
export function keyKindOf({ family }: FoundColumn): KeyKind | null {
  if (family === 'whole') return 'number';
  return family === 'text' || family === 'uuid' || family === 'bytes' ? 'text' : null;
}

/** Returns what the keys of the rows of each part are; null where the type of the column has no keys. */
export function keyKinds(tables: FoundTables, map: DatabaseMap): Readonly<Record<MapPart, KeyKind | null>> {
  const kindOf = (part: MapPart): KeyKind | null =>
    keyKindOf(tables.get(map[part].table)!.columns.get(map[part].columns.id)!);
  return { users: kindOf('users'), courses: kindOf('courses'), enrollments: kindOf('enrollments') };
}

/** Returns the parts whose keys are texts. */
export function partsWithTextKeys(tables: FoundTables, map: DatabaseMap): MapPart[] {
  const kinds = keyKinds(tables, map);
  return mapParts.filter(part => kinds[part] === 'text');
}

/**
 * Returns a key of texts in the form in which keys are compared, null if there is none. A UUID has its usual form, in
 * small letters with hyphens, whether the database stores it as a `uuid`, in 16 bytes, or as a text of 32 or 36
 * characters.
 */
export function keyTextOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : keyText(value as Key);
  // PostgreSQL fills a char(40) up with spaces.
  return uuidIn(text.trimEnd()) ?? (text === '' ? null : text);
}
