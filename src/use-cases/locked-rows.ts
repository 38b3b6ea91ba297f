import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Compilable, ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely';
import type { Database } from '../database/database.js';
import { dialectOf, type WhenLocked } from '../database/dialects/dialect.js';
import { listLength, listOf, rowsOfShapeWithin } from '../database/known-statements.js';
import { builderFor, rowsWithin } from '../database/query.js';
import { rowReader } from '../database/row-reader.js';
import type { PlainRow, Tables } from '../database/tables.js';
import { Course, type Key } from '../entities/index.js';
import { seesCourse, visibleCourseIds } from '../reading/visibility.js';
import { inPreparedTransaction, type AfterLostCommit, type Prepared } from '../transactions/transactions.js';
import type { Viewer } from '../access/viewer.js';
import { pairOf, type Pair } from './pair.js';

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
  ids: readonly Key[],
  work: (em: SqlEntityManager, courses: Map<Key, LockedCourse>) => Promise<Result>,
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
  courses: Map<Key, LockedCourse>,
): Promise<Map<Key, LockedCourse>> {
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

/**
 * Locks courses, visible or not, in ascending order of their ids, and returns those that exist by id; 'skip' leaves out
 * those that another transaction has locked.
 */
export async function lockCourses(
  em: SqlEntityManager,
  ids: readonly Key[],
  whenLocked: WhenLocked = 'wait',
): Promise<Map<Key, LockedCourse>> {
  if (ids.length === 0) return new Map();
  const { columns, plain } = rowReader(em, Course, COURSE_PROPERTIES);
  const found = await rowsAmong(em, `lock courses ${whenLocked}`, ids, among =>
    dialectOf(em).sql.forUpdate(
      builderFor({ em }).selectFrom('core_course').select(columns).where('id', 'in', among).orderBy('id'),
      whenLocked,
    ),
  );
  return new Map(found.map(row => [row.id, { ...(plain(row) as LockedCourse) }]));
}

/**
 * Returns the ids of those users who exist; none of them can be deleted before the transaction ends. 'skip' leaves out
 * those that another transaction has locked.
 *
 * This is the lock that the foreign key would take anyway, only earlier: after the courses' locks, and before an insert
 * could fail.
 */
export async function lockUsers(
  em: SqlEntityManager,
  ids: readonly Key[],
  whenLocked: WhenLocked = 'wait',
): Promise<Set<Key>> {
  const found = await rowsAmong(em, `lock users ${whenLocked}`, [...new Set(ids)], among =>
    dialectOf(em).sql.forShare(
      // With the role, which is in no other index: a server locks only the index that has all it reads, and overlooks that
      // the row is locked.
      builderFor({ em }).selectFrom('core_user').select(['id', 'role']).where('id', 'in', among),
      whenLocked,
    ),
  );
  return new Set(found.map(({ id }) => id));
}

/** Returns which of some pairs of a student and a locked course are enrollments, as texts of pairOf(). */
export async function enrolledAmong(em: SqlEntityManager, pairs: readonly Pair[]): Promise<Set<string>> {
  const courses = [...new Set(pairs.map(({ courseId }) => courseId))];
  const students = [...new Set(pairs.map(({ studentId }) => studentId))];
  const select = () => builderFor({ em }).selectFrom('core_enrollments').select(['course_id', 'student_id']);
  const [course] = courses;
  const length = listLength(pairs.length);
  let found: { course_id: Key; student_id: Key }[];
  if (course === undefined) found = [];
  else if (courses.length === 1)
    found = await rowsAmong(em, 'enrolled in one', [course, ...students], ([one, ...among]) =>
      select().where('course_id', '=', one!).where('student_id', 'in', among),
    );
  else if (length === null) found = await rowsWithin(em, select().where(isAmong(pairs)));
  else
    found = await rowsOfShapeWithin(em, `enrolled in ${length}`, pairs, place =>
      select().where(
        isAmong(
          listOf(place, length, given => given.map(({ courseId }) => courseId)).map((courseId, index) => ({
            courseId,
            studentId: place(given => given[Math.min(index, given.length - 1)]!.studentId),
          })),
        ),
      ),
    );
  return new Set(found.map(row => pairOf({ courseId: row.course_id, studentId: row.student_id })));
}

/** Returns the condition of these pairs: one place in the index of pairs for each, which no database sees in a list. */
function isAmong(
  pairs: readonly Pair[],
): (builder: ExpressionBuilder<Tables, 'core_enrollments'>) => ExpressionWrapper<Tables, 'core_enrollments', SqlBool> {
  return builder =>
    builder.or(pairs.map(({ courseId, studentId }) => builder.and({ course_id: courseId, student_id: studentId })));
}

/** Runs a query of the rows with some ids; a list of a usual length has a known statement. */
async function rowsAmong<Row>(
  em: SqlEntityManager,
  name: string,
  ids: readonly Key[],
  build: (ids: readonly Key[]) => Compilable<Row>,
): Promise<Row[]> {
  if (ids.length === 0) return [];
  const length = listLength(ids.length);
  if (length === null) return rowsWithin(em, build(ids));
  return rowsOfShapeWithin(em, `${name} ${length}`, ids, place => build(listOf(place, length, given => given)));
}
