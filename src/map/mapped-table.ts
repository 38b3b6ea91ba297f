import { Course, Enrollment, User, type KeyForm } from '../entities/index.js';
import type { AnySource, DatabaseMap, Fill, MapPart } from './map-form.js';
import { storedCountsIn } from './stored-counts.js';

/** The entities whose tables a map describes, by its parts. */
export const mappedEntities = { users: User, courses: Course, enrollments: Enrollment } as const;

/** The beginning of the names of everything that is added to another application's database. */
export const ADDED_PREFIX = 'rollcall_';

/** The table in an adopted database that records what was added to it, and by which map. */
export const JOURNAL_TABLE = `${ADDED_PREFIX}adoption`;

/**
 * How another application's table has a property of ours:
 * - `theirs`: a column of theirs has the same values, and is read and written as it is;
 * - `derived`: a generated column, which is added, has the value that the source says, so that every query compares values
 *   of ours; what is written goes to the column behind it;
 * - `added`: they have nothing like it, and a column of our own is added.
 */
export type MappedProperty =
  | { readonly kind: 'theirs'; readonly column: string }
  | { readonly kind: 'derived'; readonly source: AnySource }
  | { readonly kind: 'added' };

/** One table of another application, as a map describes it. */
export interface MappedTable {
  readonly part: MapPart;
  readonly table: string;
  /** What its keys are. */
  readonly keys: KeyForm;
  /** Whether we leave its rows to the other application. */
  readonly isReadOnly: boolean;
  readonly fill: Fill;
  /** Returns how the table has a property of the entity; for a relation, its key. */
  readonly propertyOf: (property: string) => MappedProperty;
}

/** The part of a map whose rows a property refers to; `id` is that of the row itself. */
const referenced: Readonly<Record<string, MapPart>> = { course: 'courses', student: 'users', instructor: 'users' };

/** Returns the part to which the key in a property of another part belongs; undefined: the property is no key. */
export function partOfKey(part: MapPart, property: string): MapPart | undefined {
  return property === 'id' ? part : referenced[property];
}

/** The properties whose column is read as it is, whatever its type: keys, counts, and values that the check has found fit. */
const asTheyAre: ReadonlySet<string> = new Set([
  'id',
  'course',
  'student',
  'instructor',
  'title',
  'name',
  'email',
  'description',
  'capacity',
  'isPublished',
]);

/** Returns how a map describes the table of one part. */
export function mappedTable(map: DatabaseMap, part: MapPart): MappedTable {
  const { table, keys = 'number', columns, readOnly = part === 'users', fill = {} } = map[part];
  const counts = part === 'courses' ? storedCountsIn(map) : new Map<string, string>();
  return {
    part,
    table,
    keys,
    isReadOnly: readOnly,
    fill,
    propertyOf: property => {
      const count = counts.get(property);
      if (count !== undefined) return { kind: 'theirs', column: count };
      const source = (columns as Readonly<Record<string, AnySource | undefined>>)[property];
      if (source === undefined) return { kind: 'added' };
      // A moment of theirs may have microseconds, by which pages would be cut at other rows than those that they show.
      return typeof source === 'string' && asTheyAre.has(property)
        ? { kind: 'theirs', column: source }
        : { kind: 'derived', source };
    },
  };
}

/** Returns the name of the column that a property has, if it has that name in a database of our own. */
export function mappedColumn(mapped: MappedProperty, ours: string): string {
  return mapped.kind === 'theirs' ? mapped.column : `${ADDED_PREFIX}${ours}`;
}
