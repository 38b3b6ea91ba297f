import type { SelectQueryBuilder } from 'kysely';
import { dialectOf, type Database } from '../database/database.js';
import { builderFor } from '../database/query.js';
import { rowReader, type ReadProperties } from '../database/row-reader.js';
import type { TableName, Tables } from '../database/tables.js';
import { Enrollment, EnrollmentStatus } from '../entities/index.js';
import type { EnrollmentFilter, EnrollmentOrdering, EnrollmentQuery } from './enrollments.js';
import { fromEnd, paged, withColumn, type PageRequest } from './page.js';
import type { Condition } from './visibility.js';

/**
 * Enrollments that an index has in order: all, or those of a course or a status; or those of a student, who has few.
 */
export interface Strand {
  readonly courseId?: number | undefined;
  readonly studentId?: number | undefined;
  readonly status?: EnrollmentStatus | undefined;
  /** Further conditions, for all of the strand or for a few rows. */
  readonly conditions?: readonly Condition<'core_enrollments'>[];
}

export type StoredEnrollment = Tables['core_enrollments'];
type StoredQuery = SelectQueryBuilder<Tables, 'core_enrollments', StoredEnrollment>;

/**
 * Returns the statuses that have a strand each; undefined if one strand contains all of them, which an index has in
 * order.
 */
export function statusesOf(
  { status, courseId }: EnrollmentFilter,
  { column }: EnrollmentOrdering,
  underCourse = courseId != null,
): (EnrollmentStatus | undefined)[] {
  const asked = [...new Set(status ?? Object.values(EnrollmentStatus))];
  const areAll = asked.length === Object.values(EnrollmentStatus).length;
  return areAll && !(underCourse && column !== 'id') ? [undefined] : asked;
}

/**
 * Returns the query for one page of several strands: from their indexes alone the keys of the page, sorted and cut;
 * then the rows of these.
 */
export function mergedStrands(
  database: Database,
  strands: readonly Strand[],
  order: EnrollmentOrdering,
  page: PageRequest,
  properties: ReadProperties = null,
): StoredQuery {
  const db = builderFor(database);
  const columns = withColumn(rowReader(database, Enrollment, properties).columns, order.column);
  const [only, ...others] = strands;
  if (others.length === 0) return paged(rowsOfStrand(database, only!, order), order, page).select(columns);
  // SQLite accepts a LIMIT inside a UNION only in a subquery of its own.
  const key = order.column === 'id' ? (['id'] as const) : (['id', order.column as 'enrolled_at'] as const);
  const [first, ...rest] = strands.map(strand =>
    db
      .selectFrom(
        paged(rowsOfStrand(database, strand, order), order, page)
          .select(key)
          .as('strand'),
      )
      .selectAll(),
  );
  const all = db
    .selectFrom(rest.reduce((union, next) => union.unionAll(next), first!).as('strands'))
    .select('strands.id as of_page');
  const ids: typeof all = paged(all as never, order, { ...page, after: null, before: null });
  return db.selectFrom(ids.as('ids')).innerJoin('core_enrollments', 'core_enrollments.id', 'of_page').select(columns);
}

/** Returns the query for the rows of a strand in an order; `course` is true if an outer query supplies the course. */
export function rowsOfStrand(
  database: Database,
  { courseId, studentId, status, conditions = [] }: Strand,
  order: EnrollmentOrdering,
  course = false,
): EnrollmentQuery {
  const key = [...(course || courseId !== undefined ? ['course_id'] : []), ...(status !== undefined ? ['status'] : [])];
  let query =
    studentId === undefined && key.length === 0
      ? (builderFor(database).selectFrom('core_enrollments') as EnrollmentQuery)
      : enrollmentsBy(
          database,
          studentId === undefined ? [...key, ...(order.column === 'id' ? [] : [order.column])] : null,
        );
  if (courseId !== undefined) query = query.where('course_id', '=', courseId);
  if (studentId !== undefined) query = query.where('student_id', '=', studentId);
  if (status !== undefined) query = query.where('status', '=', status);
  return conditions.reduce((all, condition) => all.where(condition), query);
}

/**
 * Returns a query of enrollments by the index of some columns; null: by any but the primary key.
 *
 * For an ordered query with a limit, MySQL and MariaDB tend to use an index that has the order, such as the primary
 * key, and read all other rows on the way, up to the whole table; or an index that has the rows, and read and sort them
 * all.
 */
export function enrollmentsBy(database: Database, indexed: readonly string[] | null): EnrollmentQuery {
  const index = indexed && indexOf(database, indexed);
  return dialectOf(database).sql.selectByIndex(builderFor(database), 'core_enrollments', index);
}

/** Returns the comparison of rows in the order in which a page is read: backward if it is before a cursor. */
export function compareRows(
  order: EnrollmentOrdering,
  page: PageRequest,
): (a: Pick<StoredEnrollment, 'id' | 'enrolled_at'>, b: Pick<StoredEnrollment, 'id' | 'enrolled_at'>) => number {
  const sign = fromEnd(order, page) ? -1 : 1;
  const key = order.column as 'id' | 'enrolled_at';
  return (a, b) => sign * (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : a.id - b.id);
}

/** Returns the index of enrollments by some columns, as the schema names it. */
function indexOf(database: Database, columns: readonly string[]): string {
  return database.driver.getPlatform().getIndexName('core_enrollments' satisfies TableName, [...columns], 'index');
}
