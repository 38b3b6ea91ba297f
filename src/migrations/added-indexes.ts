import { MigrationRefused } from './migration-refused.js';

/** An index: its name, and its columns in their order. */
export interface TableIndex {
  readonly name: string;
  readonly columns: readonly string[];
}

/** The indexes that a migration builds on one table. */
export interface AddedIndexes {
  readonly table: string;
  readonly indexes: readonly TableIndex[];
}

/**
 * The indexes that contain the enrollments of a status in the order of each page, of a course and of all courses, so
 * that reading a page takes only its own entries. Each entry ends with the key of its row, on every database.
 */
export const pageIndexes = indexesOn('core_enrollments', [
  ['course_id', 'status', 'enrolled_at'],
  ['status'],
  ['status', 'enrolled_at'],
]);

/** The index of all enrollments of a course by their time, which a page by time otherwise merges from four. */
export const courseOrderIndexes = indexesOn('core_enrollments', [['course_id', 'enrolled_at']]);

/**
 * The indexes of the courses that are published, or not, and of those in one stage, in each order of their pages; and of
 * the unpublished ones of a teacher.
 */
export const courseListIndexes = indexesOn('core_course', [
  ...[['is_published'], ['is_published', 'status']].flatMap(chosen => [
    chosen,
    ...['title', 'total_enrollments', 'created_at'].map(order => [...chosen, order]),
  ]),
  ['instructor_id', 'is_published'],
]);

function indexesOn(table: string, indexes: readonly (readonly string[])[]): AddedIndexes {
  return { table, indexes: indexes.map(columns => ({ name: `${table}_${columns.join('_')}_index`, columns })) };
}

/**
 * Returns the indexes that do not exist yet: all, or those that an interrupted run did not make. Errors:
 * MigrationRefused if an index has one of their names and other columns.
 */
export function missingIndexes({ indexes }: AddedIndexes, there: readonly TableIndex[]): TableIndex[] {
  return indexes.filter(({ name, columns }) => {
    const found = there.find(index => index.name === name);
    if (found && found.columns.join() !== columns.join()) {
      throw new MigrationRefused(
        `The index ${name} exists with other columns: ${found.columns.join(', ')}. Nothing was changed. Drop it or give it another name, then try again.`,
      );
    }
    return !found;
  });
}

/** Returns the indexes from rows with their name and one column each, in the order of the columns. */
export function indexesOf(rows: readonly { readonly name: string; readonly column: string }[]): TableIndex[] {
  return [...Map.groupBy(rows, ({ name }) => name)].map(([name, found]) => ({
    name,
    columns: found.map(({ column }) => column),
  }));
}

/**
 * Returns the existing ones of the indexes, which are to be dropped. Errors: MigrationRefused if an index has one of
 * their names and other columns, because somebody else made it.
 */
export function ownIndexes(added: AddedIndexes, there: readonly TableIndex[]): TableIndex[] {
  const missing = new Set(missingIndexes(added, there));
  return added.indexes.filter(index => !missing.has(index));
}
