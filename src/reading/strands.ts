import type { SelectQueryBuilder } from 'kysely';
import type { Database } from '../database/database.js';
import { builderFor } from '../database/query.js';
import { rowReader, type ReadProperties } from '../database/row-reader.js';
import type { ColumnOf, Tables } from '../database/tables.js';
import { keyOrder } from '../database/mapped/key-forms.js';
import { Enrollment, type EnrollmentStatus, type Key } from '../entities/index.js';
import type { EnrollmentFilter, EnrollmentOrdering, EnrollmentQuery } from './enrollments.js';
import { mergedPage, rowsBy, rowsInOrder } from './merged-page.js';
import { fromEnd, withColumn, type PageRequest } from './page.js';
import type { Condition } from './visibility.js';

/**
 * Enrollments that an index has in order: all, or those of a course or a status; or those of a student, who has few.
 */
export interface Strand {
  readonly courseId?: Key | undefined;
  readonly studentId?: Key | undefined;
  readonly status?: EnrollmentStatus | undefined;
  /** Further conditions, for all of the strand or for a few rows. */
  readonly conditions?: readonly Condition<'core_enrollments'>[];
}

export type StoredEnrollment = Tables['core_enrollments'];
type StoredQuery = SelectQueryBuilder<Tables, 'core_enrollments', StoredEnrollment>;

/** Returns the statuses that have a strand each; undefined: one strand has all, which an index has in order. */
export function statusesOf(status: EnrollmentFilter['status']): (EnrollmentStatus | undefined)[] {
  return status == null ? [undefined] : [...new Set(status)];
}

/** Returns the query for one page of several strands. */
export function mergedStrands(
  database: Database,
  strands: readonly Strand[],
  order: EnrollmentOrdering,
  page: PageRequest,
  properties: ReadProperties = null,
): StoredQuery {
  return mergedPage(
    database,
    'core_enrollments',
    strands.map(strand => rowsOfStrand(database, strand, order, page)),
    withColumn(rowReader(database, Enrollment, properties).columns, order.column),
    order,
    page,
  );
}

/** Returns the query for the rows of a strand in the order of a page. */
function rowsOfStrand(
  database: Database,
  { courseId, studentId, status, conditions = [] }: Strand,
  order: EnrollmentOrdering,
  page: PageRequest,
): EnrollmentQuery {
  const values: (readonly [ColumnOf<'core_enrollments'>, unknown])[] = [
    ...(courseId === undefined ? [] : [['course_id', courseId] as const]),
    ...(status === undefined ? [] : [['status', status] as const]),
  ];
  // The few rows of a student are sorted.
  const ofStudent = () =>
    values.reduce(
      (query, [column, value]) => query.where(column, '=', value as never),
      rowsBy(database, 'core_enrollments', ['student_id']).where('student_id', '=', studentId!),
    );
  const all = () => builderFor(database).selectFrom('core_enrollments') as EnrollmentQuery;
  const rows =
    studentId !== undefined
      ? ofStudent()
      : values.length === 0
        ? all()
        : rowsInOrder(database, 'core_enrollments', values, order, page);
  return conditions.reduce((query, condition) => query.where(condition), rows);
}

/** Returns the comparison of rows in the order in which a page is read: backward if it is before a cursor. */
export function compareRows(
  database: Database,
  order: EnrollmentOrdering,
  page: PageRequest,
): (a: Pick<StoredEnrollment, 'id' | 'enrolled_at'>, b: Pick<StoredEnrollment, 'id' | 'enrolled_at'>) => number {
  const sign = fromEnd(order, page) ? -1 : 1;
  const compare = keyOrder(database, 'enrollments');
  if (order.column === 'id') return (a, b) => sign * compare(a.id, b.id);
  const key = order.column as 'enrolled_at';
  return (a, b) => sign * (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : compare(a.id, b.id));
}
