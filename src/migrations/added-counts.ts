/** The table of the courses, which store the counts. */
export const COUNTING_TABLE = 'core_course';

/** A stored count of courses that was added after the first version of the schema, by a migration of its own. */
export interface AddedCount {
  /** The name of the migration, such as `2026-12-01-completed-enrollments`. */
  readonly migration: string;
  /** The column that stores the count. */
  readonly column: string;
  /** The condition of the counted enrollments, in SQL; it fills the column. */
  readonly where: string;
}

/** Every such count, oldest first; each becomes a migration on every kind of database. */
export const addedCounts: readonly AddedCount[] = [];

/** Returns the name of the constraint that keeps a count from falling below 0, as the entity declares it. */
export function checkOf(column: string): string {
  return `${COUNTING_TABLE}_${column}_check`;
}

/** Returns the statement that fills the column of a count. */
export function fillOf({ column, where }: AddedCount): string {
  return `update ${COUNTING_TABLE} set ${column} = (select count(*) from core_enrollments where course_id = ${COUNTING_TABLE}.id and ${where})`;
}
