/**
 * The lengths of lists of enrollments. Those of whole courses are sums of the courses' stored counts; rows are counted
 * only for what no stored count has: the enrollments of one student, and of some of the statuses other than ACTIVE.
 */
import type { SelectQueryBuilder } from 'kysely';
import type { Viewer } from '../access/viewer.js';
import type { Database } from '../database/database.js';
import { builderFor, rows, unionOf } from '../database/query.js';
import { numberOf, type StoredAggregate, type Tables } from '../database/tables.js';
import { EnrollmentStatus, Role, type Key } from '../entities/index.js';
import {
  hasOnlyOurs,
  statusIn,
  studentOf,
  withoutAllStatuses,
  type EnrollmentFilter,
  type EnrollmentParent,
} from './enrollments.js';
import { isInTaughtCourse, visibleEnrollments, type Condition } from './visibility.js';

/** The courses or students whose enrollments are counted separately. */
interface Parents {
  readonly parent: EnrollmentParent;
  readonly ids: readonly Key[];
}

/** A part of one or several counts, which is the difference of two numbers. */
interface CountPart {
  readonly parent: Key;
  readonly count: StoredAggregate;
  readonly less: StoredAggregate;
}

type CountQuery<Table extends keyof Tables = keyof Tables> = SelectQueryBuilder<Tables, Table, CountPart>;

type StoredCount = 'total_enrollments' | 'active_enrollments';

/** Counts the enrollments that a viewer sees. */
export async function enrollmentCount(database: Database, viewer: Viewer, filter: EnrollmentFilter): Promise<number> {
  return sumOf(await partsOf(database, viewer, withoutAllStatuses(database, filter), null));
}

/** Counts the enrollments of each of many courses or students, in one statement, in the order of the ids. */
export async function enrollmentCounts(
  database: Database,
  viewer: Viewer,
  parent: EnrollmentParent,
  ids: readonly Key[],
  filter: EnrollmentFilter,
): Promise<number[]> {
  const parts = await partsOf(database, viewer, withoutAllStatuses(database, filter), { parent, ids });
  const byParent = Map.groupBy(parts, part => part.parent);
  return ids.map(id => sumOf(byParent.get(id) ?? []));
}

function sumOf(parts: readonly CountPart[]): number {
  return parts.reduce((sum, { count, less }) => sum + numberOf(count) - numberOf(less), 0);
}

/**
 * Reads the parts of the counts by one statement, so in one snapshot, in which the stored counts match the rows. Each
 * enrollment that the viewer sees is in one part only: a teacher's own are those in courses of others.
 */
async function partsOf(
  database: Database,
  viewer: Viewer,
  filter: EnrollmentFilter,
  parents: Parents | null,
): Promise<CountPart[]> {
  const { role, userId } = viewer;
  if (role !== Role.ADMIN && userId === null) return [];
  const statuses = new Set(filter.status ?? Object.values(EnrollmentStatus));
  if (statuses.size === 0) return [];
  const isOfStudents = parents?.parent === 'student_id' || studentOf(viewer, filter) !== null;
  const visible = visibleEnrollments(viewer);
  const parts: readonly CountQuery[] = isOfStudents
    ? [countOfRows(database, filter, parents, visible ? [visible] : [])]
    : [
        ...countsOfCourses(database, role === Role.TEACHER ? userId : null, filter, statuses, parents),
        ...(role === Role.TEACHER
          ? [
              countOfRows(database, { ...filter, studentId: userId }, parents, [
                eb => eb.not(isInTaughtCourse(userId!)(eb)),
              ]),
            ]
          : []),
      ];
  return rows(database, unionOf(parts));
}

/** Returns the queries of the enrollments of all courses, or of those that a teacher instructs. */
function countsOfCourses(
  database: Database,
  teacher: Key | null,
  filter: EnrollmentFilter,
  statuses: ReadonlySet<EnrollmentStatus>,
  parents: Parents | null,
): CountQuery[] {
  // No stored count has the enrollments of courses that do not exist, which another application's database may have.
  if (teacher === null && parents === null && filter.courseId == null && !hasOnlyOurs(database))
    return [countOfRows(database, filter, null, [])];
  const others = [...statuses].filter(status => status !== EnrollmentStatus.ACTIVE);
  const hasActive = others.length < statuses.size;
  const hasAllOthers =
    others.length === Object.values(EnrollmentStatus).length - 1 && (filter.status == null || hasOnlyOurs(database));
  const ofTeacher = (eb: Parameters<Condition<'core_enrollments'>>[0]) =>
    eb('course_id', 'in', eb.selectFrom('core_course').select('core_course.id').where('instructor_id', '=', teacher));
  const stored = (count: StoredCount, less?: StoredCount): CountQuery =>
    sumOfCourses(database, teacher, filter, parents, count, less);
  return [
    ...(hasActive && hasAllOthers ? [stored('total_enrollments')] : []),
    ...(hasActive && !hasAllOthers ? [stored('active_enrollments')] : []),
    ...(!hasActive && hasAllOthers ? [stored('total_enrollments', 'active_enrollments')] : []),
    ...(others.length > 0 && !hasAllOthers
      ? [countOfRows(database, { ...filter, status: others }, parents, teacher === null ? [] : [ofTeacher])]
      : []),
  ];
}

/** Returns the query for the sum of a stored count, less another one. */
function sumOfCourses(
  database: Database,
  teacher: Key | null,
  { courseId }: EnrollmentFilter,
  parents: Parents | null,
  count: StoredCount,
  less: StoredCount | undefined,
): CountQuery {
  let query = builderFor(database).selectFrom('core_course') as SelectQueryBuilder<Tables, 'core_course', object>;
  if (teacher !== null) query = query.where('instructor_id', '=', teacher);
  if (courseId != null) query = query.where('id', '=', courseId);
  if (parents) query = query.where('id', 'in', [...parents.ids]).groupBy('id');
  return query.select(eb => [
    (parents ? eb.ref('id') : eb.lit(0)).as('parent'),
    eb.fn.sum<StoredAggregate>(count).as('count'),
    (less === undefined ? eb.lit(0) : eb.fn.sum<StoredAggregate>(less)).as('less'),
  ]);
}

/** Returns the query for the number of the rows of a filter that meet further conditions. */
function countOfRows(
  database: Database,
  { courseId, studentId, status }: EnrollmentFilter,
  parents: Parents | null,
  conditions: readonly Condition<'core_enrollments'>[],
): CountQuery {
  let query = builderFor(database).selectFrom('core_enrollments') as SelectQueryBuilder<
    Tables,
    'core_enrollments',
    object
  >;
  if (courseId != null) query = query.where('course_id', '=', courseId);
  if (studentId != null) query = query.where('student_id', '=', studentId);
  if (parents) query = query.where(parents.parent, 'in', [...parents.ids]).groupBy(parents.parent);
  return [...statusIn(status), ...conditions]
    .reduce((all, condition) => all.where(condition), query)
    .select(eb => [
      (parents ? eb.ref(parents.parent) : eb.lit(0)).as('parent'),
      eb.fn.countAll<number>().as('count'),
      eb.lit(0).as('less'),
    ]);
}
