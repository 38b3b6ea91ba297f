import type { SelectQueryBuilder } from 'kysely';
import type { Database } from '../database/database.js';
import { Enrollment, EnrollmentStatus, Role } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import { builderFor, rows } from '../database/query.js';
import { rowReader, type ReadProperties } from '../database/row-reader.js';
import { numberOf, type ColumnOf, type PlainRow, type StoredAggregate, type Tables } from '../database/tables.js';
import { withColumn, type Ordering, type Sortable } from './page.js';
import { partsOfVisibleEnrollments, visibleEnrollments, type Condition } from './visibility.js';

/** One enrollment in the form in which it is read. */
export interface EnrollmentRow extends PlainRow<Enrollment>, Sortable {}

/** An order of enrollments. */
export type EnrollmentOrdering = Ordering<ColumnOf<'core_enrollments'>>;

/** The choice of enrollments; all given parts must hold. */
export interface EnrollmentFilter {
  readonly courseId?: number | null;
  readonly studentId?: number | null;
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
  ids: readonly number[],
  properties: ReadProperties = null,
): Promise<(EnrollmentRow | null)[]> {
  const { columns, plain } = rowReader(database, Enrollment, properties);
  const query = chosenEnrollments(database, viewer, {})
    .where('id', 'in', [...ids])
    .select(columns);
  const found = new Map((await rows(database, query)).map(row => [row.id, plain(row)]));
  return ids.map(id => found.get(id) ?? null);
}

/** Returns one student's enrollment in each of the courses, in their order; null if there is none. */
export async function enrollmentsOf(
  database: Database,
  studentId: number,
  courseIds: readonly number[],
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

/**
 * Counts the enrollments that a viewer sees; for an admin, those of all courses, from the stored counts where possible.
 */
export async function enrollmentCount(database: Database, viewer: Viewer, filter: EnrollmentFilter): Promise<number> {
  if (viewer.role === Role.ADMIN && filter.courseId == null && filter.studentId == null)
    return countOfAll(database, filter.status ?? Object.values(EnrollmentStatus));
  const counts = partsOfVisibleEnrollments(viewer).map(part =>
    enrollmentsSeen(database, part, filter).select(eb => eb.fn.countAll<number>().as('count')),
  );
  return (await rows(database, together(counts))).reduce((sum, { count }) => sum + numberOf(count), 0);
}

/**
 * Counts all enrollments of some statuses in one statement, so in one snapshot, in which the stored counts match the
 * rows. Rows must be counted only for some but not all of the statuses other than ACTIVE.
 */
async function countOfAll(database: Database, statuses: readonly EnrollmentStatus[]): Promise<number> {
  const asked = new Set(statuses);
  const isActive = asked.delete(EnrollmentStatus.ACTIVE);
  const others = Object.values(EnrollmentStatus).length - 1;
  const mustCountRows = asked.size > 0 && asked.size < others;
  const [found] = await rows(
    database,
    builderFor(database)
      .selectFrom('core_course')
      .select(eb => [
        eb.fn.sum<StoredAggregate>('total_enrollments').as('total'),
        eb.fn.sum<StoredAggregate>('active_enrollments').as('active'),
        ...(mustCountRows
          ? [
              eb
                .selectFrom('core_enrollments')
                .where('status', 'in', [...asked])
                .select(sub => sub.fn.countAll<number>().as('count'))
                .as('others'),
            ]
          : []),
      ]),
  );
  const active = numberOf(found!.active);
  const inactive = mustCountRows
    ? numberOf((found as { others: StoredAggregate }).others)
    : asked.size === 0
      ? 0
      : numberOf(found!.total) - active;
  return (isActive ? active : 0) + inactive;
}

/** Counts the enrollments of each of many courses or students, in one statement, in the order of the ids. */
export async function enrollmentCounts(
  database: Database,
  viewer: Viewer,
  parent: EnrollmentParent,
  ids: readonly number[],
  filter: EnrollmentFilter,
): Promise<number[]> {
  const grouped = partsOfVisibleEnrollments(viewer).map(part =>
    enrollmentsSeen(database, part, filter)
      .where(parent, 'in', [...ids])
      .groupBy(parent)
      .select([parent])
      .select(eb => eb.fn.countAll<number>().as('count')),
  );
  const counts = new Map<number, number>();
  for (const row of await rows(database, together(grouped)))
    counts.set(row[parent], (counts.get(row[parent]) ?? 0) + numberOf(row.count));
  return ids.map(id => counts.get(id) ?? 0);
}

function chosenEnrollments(database: Database, viewer: Viewer, filter: EnrollmentFilter): EnrollmentQuery {
  return enrollmentsSeen(database, visibleEnrollments(viewer), filter);
}

/** Returns one query for the rows of several, including duplicates. */
function together<Row>([first, ...rest]: readonly SelectQueryBuilder<
  Tables,
  'core_enrollments',
  Row
>[]): SelectQueryBuilder<Tables, 'core_enrollments', Row> {
  return rest.reduce((all, next) => all.unionAll(next), first!);
}

function enrollmentsSeen(
  database: Database,
  visible: Condition<'core_enrollments'> | null,
  { courseId, studentId, status }: EnrollmentFilter,
): EnrollmentQuery {
  let query = builderFor(database).selectFrom('core_enrollments') as EnrollmentQuery;
  if (visible) query = query.where(visible);
  if (courseId != null) query = query.where('course_id', '=', courseId);
  if (studentId != null) query = query.where('student_id', '=', studentId);
  return statusIn(status).reduce((all, condition) => all.where(condition), query);
}

/**
 * Returns the condition that an enrollment has one of some statuses; for all statuses no condition, which would only
 * make the database read rows.
 */
export function statusIn(status: EnrollmentFilter['status']): Condition<'core_enrollments'>[] {
  const asked = [...new Set(status ?? Object.values(EnrollmentStatus))];
  if (asked.length === Object.values(EnrollmentStatus).length) return [];
  return [eb => (asked.length === 0 ? eb.lit(false) : eb('status', 'in', asked))];
}
