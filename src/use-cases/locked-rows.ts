import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Compilable } from 'kysely';
import type { Database } from '../database/database.js';
import { dialectOf } from '../database/dialects/dialect.js';
import { listLength, listOf, rowsOfShapeWithin } from '../database/known-statements.js';
import { builderFor, rowsWithin } from '../database/query.js';
import { rowReader } from '../database/row-reader.js';
import type { PlainRow } from '../database/tables.js';
import { Course, type Enrollment } from '../entities/index.js';
import { seesCourse, visibleCourseIds } from '../reading/visibility.js';
import { inPreparedTransaction, type AfterLostCommit, type Prepared } from '../transactions/transactions.js';
import type { Viewer } from '../access/viewer.js';

/** What a use case must know of a course while it holds the course's lock. */
export type LockedCourse = Pick<
  PlainRow<Course>,
  'id' | 'title' | 'status' | 'isPublished' | 'capacity' | 'instructorId'
> & {
  /** The seats that are taken, which the changes of one transaction update. */
  activeEnrollments: number;
};

/**
 * Runs work in a transaction that has locked those of some courses that a viewer sees, in ascending order of their ids.
 *
 * Courses that the viewer does not see are left out before anything is locked or awaited, as if they did not exist: not
 * even a wait for a lock reveals them. The turns of the others are awaited before the transaction takes a connection
 * (see course-queues.ts).
 */
export function withLockedCourses<Result>(
  database: Database,
  viewer: Viewer,
  ids: readonly number[],
  work: (em: SqlEntityManager, courses: Map<number, LockedCourse>) => Promise<Result>,
  afterLostCommit?: AfterLostCommit<Result>,
): Promise<Result> {
  const prepare = async (): Promise<Prepared> => ({
    courses: await visibleCourseIds(database.em.fork(), viewer, [...new Set(ids)]),
  });
  return inPreparedTransaction(
    database,
    prepare,
    async (em, { courses: visible }, isLocked) => {
      const courses = await lockCourses(em, visible);
      isLocked();
      return work(em, await visibleAmong(em, viewer, courses));
    },
    afterLostCommit,
  );
}

/** Returns those of some locked courses that a viewer sees: one may have been hidden before it was locked. */
export async function visibleAmong(
  em: SqlEntityManager,
  viewer: Viewer,
  courses: Map<number, LockedCourse>,
): Promise<Map<number, LockedCourse>> {
  // Only the database knows whether the viewer is enrolled in one of them.
  const doubtful = [...courses.values()].filter(course => !seesCourse(viewer, course, () => false)).map(({ id }) => id);
  if (doubtful.length === 0) return courses;
  const visible = new Set(await visibleCourseIds(em, viewer, doubtful));
  return new Map([...courses].filter(([id]) => !doubtful.includes(id) || visible.has(id)));
}

/** The properties of a locked course. */
const COURSE_PROPERTIES: ReadonlySet<keyof Course> = new Set([
  'title',
  'status',
  'isPublished',
  'capacity',
  'activeEnrollments',
  'instructor',
] as const);

/** Locks courses, visible or not, in ascending order of their ids, and returns those that exist by id. */
export async function lockCourses(em: SqlEntityManager, ids: readonly number[]): Promise<Map<number, LockedCourse>> {
  if (ids.length === 0) return new Map();
  const { columns, plain } = rowReader(em, Course, COURSE_PROPERTIES);
  const found = await rowsAmong(em, 'lock courses', ids, among =>
    dialectOf(em).sql.forUpdate(
      builderFor({ em }).selectFrom('core_course').select(columns).where('id', 'in', among).orderBy('id'),
    ),
  );
  return new Map(found.map(row => [row.id, { ...(plain(row) as LockedCourse) }]));
}

/**
 * Returns the ids of those users who exist; none of them can be deleted before the transaction ends.
 *
 * This is the lock that the foreign key would take anyway, only earlier: after the courses' locks, and before an insert
 * could fail.
 */
export async function lockUsers(em: SqlEntityManager, ids: readonly number[]): Promise<Set<number>> {
  const found = await rowsAmong(em, 'lock users', [...new Set(ids)], among =>
    dialectOf(em).sql.forShare(builderFor({ em }).selectFrom('core_user').select('id').where('id', 'in', among)),
  );
  return new Set(found.map(({ id }) => id));
}

/** A student and a course. */
export type Pair = Pick<PlainRow<Enrollment>, 'courseId' | 'studentId'>;

/** Returns a pair as a text, by which sets of pairs know it. */
export function pairOf({ courseId, studentId }: Pair): string {
  return `${courseId} ${studentId}`;
}

/** Returns which of some students are enrolled in which of some locked courses, as texts of pairOf(). */
export async function enrolledIn(
  em: SqlEntityManager,
  courses: readonly number[],
  students: readonly number[],
): Promise<Set<string>> {
  if (students.length === 0) return new Set();
  const found = await rowsAmong(em, `enrolled in ${courses.length}`, [...courses, ...students], among => {
    return builderFor({ em })
      .selectFrom('core_enrollments')
      .select(['course_id', 'student_id'])
      .where('course_id', 'in', among.slice(0, courses.length))
      .where('student_id', 'in', among.slice(courses.length));
  });
  return new Set(found.map(row => pairOf({ courseId: row.course_id, studentId: row.student_id })));
}

/** Runs a query of the rows with some ids; a list of a usual length has a known statement. */
async function rowsAmong<Row>(
  em: SqlEntityManager,
  name: string,
  ids: readonly number[],
  build: (ids: readonly number[]) => Compilable<Row>,
): Promise<Row[]> {
  if (ids.length === 0) return [];
  const length = listLength(ids.length);
  if (length === null) return rowsWithin(em, build(ids));
  return rowsOfShapeWithin(em, `${name} ${length}`, ids, place => build(listOf(place, length, given => given)));
}
