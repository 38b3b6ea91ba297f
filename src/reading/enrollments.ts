import type { SelectQueryBuilder } from 'kysely';
import type { Database } from '../database/database.js';
import { Enrollment, EnrollmentStatus, Role, type Key } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import { builderFor, rows } from '../database/query.js';
import { mapOf } from '../database/mapped/mapped-driver.js';
import { rowReader, type ReadProperties } from '../database/row-reader.js';
import type { ColumnOf, PlainRow, Tables } from '../database/tables.js';
import { withColumn, type Ordering, type Sortable } from './page.js';
import { visibleEnrollments, type Condition } from './visibility.js';

/** One enrollment in the form in which it is read. */
export interface EnrollmentRow extends PlainRow<Enrollment>, Sortable {}

/** An order of enrollments. */
export type EnrollmentOrdering = Ordering<ColumnOf<'core_enrollments'>>;

/** The choice of enrollments; all given parts must hold. */
export interface EnrollmentFilter {
  readonly courseId?: Key | null;
  readonly studentId?: Key | null;
  readonly status?: readonly EnrollmentStatus[] | null;
}

/** The rows under which enrollments are listed, courses or students, by the column that refers to them. */
export type EnrollmentParent = 'course_id' | 'student_id';

/** A query of enrollments that selects no columns yet. */
export type EnrollmentQuery = SelectQueryBuilder<Tables, 'core_enrollments', object>;

/** Returns enrollments by id, in the order of the ids; null if it does not exist, or the viewer may not see it. */
export async function enrollmentsById(
  database: Database,
  viewer: Viewer,
  ids: readonly Key[],
  properties: ReadProperties = null,
): Promise<(EnrollmentRow | null)[]> {
  const { columns, plain } = rowReader(database, Enrollment, properties);
  const query = builderFor(database)
    .selectFrom('core_enrollments')
    .where('id', 'in', [...ids])
    .select(columns);
  const visible = visibleEnrollments(viewer);
  const found = new Map(
    (await rows(database, visible ? query.where(visible) : query)).map(row => [row.id, plain(row)]),
  );
  return ids.map(id => found.get(id) ?? null);
}

/** Returns one student's enrollment in each of the courses, in their order; null if there is none. */
export async function enrollmentsOf(
  database: Database,
  studentId: Key,
  courseIds: readonly Key[],
  properties: ReadProperties = null,
): Promise<(EnrollmentRow | null)[]> {
  const { columns, plain } = rowReader(database, Enrollment, properties);
  const query = builderFor(database)
    .selectFrom('core_enrollments')
    .where('student_id', '=', studentId)
    .where('course_id', 'in', [...courseIds])
    .select(withColumn(columns, 'course_id'));
  const found = new Map((await rows(database, query)).map(row => [row.course_id, plain(row)]));
  return courseIds.map(id => found.get(id) ?? null);
}

/** Returns the only student whose enrollments a viewer can see under a filter; null if there may be several. */
export function studentOf({ role, userId }: Viewer, { studentId }: EnrollmentFilter): Key | null {
  return studentId ?? (role === Role.STUDENT ? userId : null);
}

/** Returns the condition that an enrollment has one of some statuses; without any, there is none. */
export function statusIn(status: EnrollmentFilter['status']): Condition<'core_enrollments'>[] {
  if (status == null) return [];
  const asked = [...new Set(status)];
  return [eb => (asked.length === 0 ? eb.lit(false) : eb('status', 'in', asked))];
}

/**
 * Returns a filter without the statuses if they are all that the rows can have: the condition would only make the
 * database read rows.
 */
export function withoutAllStatuses(database: Database, filter: EnrollmentFilter): EnrollmentFilter {
  const areAll = new Set(filter.status).size === Object.values(EnrollmentStatus).length;
  return areAll && hasOnlyOurs(database) ? { ...filter, status: null } : filter;
}

/**
 * Returns false for another application's database, where an enrollment may have a status that the map does not name, and
 * a student may be in a course several times.
 */
export function hasOnlyOurs({ driver }: Database): boolean {
  return mapOf(driver) === null;
}
