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
  type EnrollmentQuery,
} from './enrollments.js';
import { rowsBy, type ListedTable } from './merged-page.js';
import { fitsLimit, hasMoreThan, maxRowsRead, TooManyRows } from './rows-limit.js';
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

/** A query for a part, and how much it reads. */
interface Counting {
  readonly query: CountQuery;
  readonly table: ListedTable;
  /** The rows of the table that it reads, by an index that has no others; null: those of some keys, which are few. */
  readonly reads: SelectQueryBuilder<Tables, ListedTable, object> | null;
  /** How many rows are read for each of them: itself, and its course. */
  readonly rowsOfEach: number;
}

type CountColumn = 'total_enrollments' | 'active_enrollments';

/** Counts the enrollments that a viewer sees. Errors: TooManyRows. */
export async function enrollmentCount(database: Database, viewer: Viewer, filter: EnrollmentFilter): Promise<number> {
  return sumOf(await partsOf(database, viewer, withoutAllStatuses(database, filter), null));
}

/**
 * Counts the enrollments of each of many courses or students, in one statement, in the order of the ids. Errors:
 * TooManyRows.
 */
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
  const student = studentOf(viewer, filter);
  const isOfStudents = parents?.parent === 'student_id' || student !== null;
  const visible = visibleEnrollments(viewer);
  const parts: readonly Counting[] = isOfStudents
    ? [countOfRows(database, { ...filter, studentId: student }, parents, visible ? [visible] : [])]
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
  for (const part of parts) await requireFew(database, part, parts.length, filter);
  return rows(database, unionOf(parts.map(({ query }) => query)));
}

/** Makes sure that a part of a count reads no more than its share of the rows that are allowed. Errors: TooManyRows. */
async function requireFew(
  database: Database,
  { table, reads, rowsOfEach }: Counting,
  parts: number,
  filter: EnrollmentFilter,
): Promise<void> {
  if (reads === null || (await fitsLimit(database, table, parts * rowsOfEach))) return;
  if (await hasMoreThan(database, reads, maxRowsRead(database) / parts / (1 + rowsOfEach)))
    throw new TooManyRows(database, filter, 'count');
}

/** Returns the queries of the enrollments of all courses, or of those that a teacher instructs. */
function countsOfCourses(
  database: Database,
  teacher: Key | null,
  filter: EnrollmentFilter,
  statuses: ReadonlySet<EnrollmentStatus>,
  parents: Parents | null,
): Counting[] {
  // No stored count has the enrollments of courses that do not exist, which another application's database may have.
  if (teacher === null && parents === null && filter.courseId == null && !hasOnlyOurs(database))
    return [countOfRows(database, filter, null, [])];
  const others = [...statuses].filter(status => status !== EnrollmentStatus.ACTIVE);
  const hasActive = others.length < statuses.size;
  const hasAllOthers =
    others.length === Object.values(EnrollmentStatus).length - 1 && (filter.status == null || hasOnlyOurs(database));
  const ofTeacher = (eb: Parameters<Condition<'core_enrollments'>>[0]) =>
    eb('course_id', 'in', eb.selectFrom('core_course').select('core_course.id').where('instructor_id', '=', teacher));
  const stored = (count: CountColumn, less?: CountColumn): Counting =>
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
  count: CountColumn,
  less: CountColumn | undefined,
): Counting {
  let reads =
    teacher === null
      ? (builderFor(database).selectFrom('core_course') as SelectQueryBuilder<Tables, 'core_course', object>)
      : rowsBy(database, 'core_course', ['instructor_id']).where('instructor_id', '=', teacher);
  if (courseId != null) reads = reads.where('id', '=', courseId);
  if (parents) reads = reads.where('id', 'in', [...parents.ids]);
  return {
    query: (parents ? reads.groupBy('id') : reads).select(eb => [
      (parents ? eb.ref('id') : eb.lit(0)).as('parent'),
      eb.fn.sum<StoredAggregate>(count).as('count'),
      (less === undefined ? eb.lit(0) : eb.fn.sum<StoredAggregate>(less)).as('less'),
    ]),
    table: 'core_course',
    reads: courseId != null || parents ? null : reads,
    rowsOfEach: 1,
  };
}

/** Returns the query for the number of the rows of a filter that meet further conditions. */
function countOfRows(
  database: Database,
  { courseId, studentId, status }: EnrollmentFilter,
  parents: Parents | null,
  conditions: readonly Condition<'core_enrollments'>[],
): Counting {
  const isOfStudents = studentId != null || parents?.parent === 'student_id';
  const isOfCourses = courseId != null || parents?.parent === 'course_id' || (!isOfStudents && conditions.length > 0);
  let reads = indexedEnrollments(database, isOfStudents, isOfCourses, status != null);
  if (courseId != null) reads = reads.where('course_id', '=', courseId);
  if (studentId != null) reads = reads.where('student_id', '=', studentId);
  if (parents) reads = reads.where(parents.parent, 'in', [...parents.ids]);
  const withStatus = statusIn(status).reduce((all, condition) => all.where(condition), reads);
  const query = conditions.reduce((all, condition) => all.where(condition), withStatus);
  return {
    query: (parents ? query.groupBy(parents.parent) : query).select(eb => [
      (parents ? eb.ref(parents.parent) : eb.lit(0)).as('parent'),
      eb.fn.countAll<number>().as('count'),
      eb.lit(0).as('less'),
    ]),
    table: 'core_enrollments',
    // The index of a student's enrollments has those of all statuses, and conditions on the course read it.
    reads: isOfStudents ? reads : query,
    rowsOfEach: conditions.length > 0 ? 2 : 1,
  };
}

/**
 * Returns the query of enrollments by the index of what they are chosen by: the databases tend to take several indexes
 * at once, or that of a status for the courses of a teacher.
 */
function indexedEnrollments(
  database: Database,
  isOfStudents: boolean,
  isOfCourses: boolean,
  hasStatus: boolean,
): EnrollmentQuery {
  const by = (...columns: string[]): EnrollmentQuery => rowsBy(database, 'core_enrollments', columns);
  if (isOfStudents)
    return isOfCourses ? rowsBy(database, 'core_enrollments', ['course_id', 'student_id'], 'unique') : by('student_id');
  if (isOfCourses) return hasStatus ? by('course_id', 'status') : by('course_id');
  return hasStatus ? by('status') : (builderFor(database).selectFrom('core_enrollments') as EnrollmentQuery);
}
