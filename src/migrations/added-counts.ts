import entries from './added-counts.json' with { type: 'json' };
import { actualSql, type CountInSql, type CountWords } from './count-sql.js';

/** The table of the courses, which store the counts. */
export const COUNTING_TABLE = 'core_course';

/** The stored counts of the first version of the schema. */
export const firstCounts: readonly CountInSql[] = [
  { column: 'total_enrollments', statuses: null },
  { column: 'active_enrollments', statuses: ['active'] },
];

/** A stored count of courses that was added after the first version of the schema, by a migration of its own. */
export interface AddedCount extends CountInSql {
  /** The name of the migration, such as `2026-12-01-completed-enrollments`. */
  readonly migration: string;
}

/**
 * Every such count, oldest first; each becomes a migration on every kind of database. `npm run schema` adds an entry for
 * each new declaration; an entry never changes.
 */
export const addedCounts: readonly AddedCount[] = entries;

/** Returns the counts that a database has before the migration of an added one. */
export function countsBefore({ migration }: AddedCount): readonly CountInSql[] {
  const place = addedCounts.findIndex(count => count.migration === migration);
  return [...firstCounts, ...(place === -1 ? addedCounts : addedCounts.slice(0, place))];
}

/** Returns the counts that no migration has made, each with its migration, whose name begins with a date (YYYY-MM-DD). */
export function newCounts(declared: readonly CountInSql[], date: string): AddedCount[] {
  const made = new Set([...firstCounts, ...addedCounts].map(({ column }) => column));
  return declared
    .filter(({ column }) => !made.has(column))
    .map(({ column, statuses }) => ({ migration: `${date}-${column.replaceAll('_', '-')}`, column, statuses }));
}

/** Returns the name of the constraint that keeps a count from falling below 0, as the entity declares it. */
export function checkOf(column: string): string {
  return `${COUNTING_TABLE}_${column}_check`;
}

/** Returns the statement that fills the column of a count. */
export function fillOf(words: CountWords, count: AddedCount): string {
  return `update ${COUNTING_TABLE} as c set ${count.column} = ${actualSql(words, count)}`;
}
