import { MigrationRefused } from './migration-refused.js';

/** An index: its name, and its columns in their order. */
export interface TableIndex {
  readonly name: string;
  readonly columns: readonly string[];
}

/** The table whose pages the indexes serve. */
export const PAGED_TABLE = 'core_enrollments';

/**
 * The indexes that hold the enrollments of a status in the order of each page, of a course and of all courses, so that
 * a page is read from where it begins to where it ends. Each entry ends with the key of its row, on every database.
 */
export const pageIndexes: readonly TableIndex[] = [
  ['course_id', 'status', 'enrolled_at'],
  ['status'],
  ['status', 'enrolled_at'],
].map(columns => ({
  name: `${PAGED_TABLE}_${columns.join('_')}_index`,
  columns,
}));

/**
 * Returns the indexes that are not there yet: all, or what an interrupted run has left to do. Errors: MigrationRefused
 * where an index has one of their names and other columns.
 */
export function missingIndexes(there: readonly TableIndex[]): TableIndex[] {
  return pageIndexes.filter(({ name, columns }) => {
    const found = there.find(index => index.name === name);
    if (found && found.columns.join() !== columns.join()) {
      throw new MigrationRefused(
        `The index ${name} is there with other columns: ${found.columns.join(', ')}. Nothing was changed. Drop it or give it another name, then try again.`,
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
 * Returns those of the indexes that are there, to be dropped. Errors: MigrationRefused where an index has one of their
 * names and other columns, so that somebody else made it.
 */
export function ownIndexes(there: readonly TableIndex[]): TableIndex[] {
  const missing = new Set(missingIndexes(there));
  return pageIndexes.filter(index => !missing.has(index));
}
