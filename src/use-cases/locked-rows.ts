import { LockMode } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from 'mikro-orm-counters';
import type { Database } from '../database/database.js';
import { isTrue, type PlainRow, type StoredBoolean } from '../database/tables.js';
import { Course, Enrollment, User, type EnrollmentStatus } from '../entities/index.js';
import { courseOfVisibleEnrollment, seesCourse, seesEnrollment, visibleCourseIds } from '../reading/visibility.js';
import { inPreparedTransaction, type AfterLostCommit, type Prepared } from '../transactions/transactions.js';
import type { Viewer } from '../access/viewer.js';

/** What a use case must know of a course while it holds the course's lock. */
export type LockedCourse = Pick<
  PlainRow<Course>,
  'id' | 'title' | 'status' | 'isPublished' | 'capacity' | 'activeEnrollments' | 'instructorId'
>;

/** What a use case must know of an enrollment. */
type LockedEnrollmentRow = Pick<PlainRow<Enrollment>, 'id' | 'courseId' | 'studentId' | 'status'>;

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
      await leaveOutHidden(em, viewer, courses);
      return work(em, courses);
    },
    afterLostCommit,
  );
}

/** Leaves out the courses that were hidden from the viewer before they were locked. */
async function leaveOutHidden(em: SqlEntityManager, viewer: Viewer, courses: Map<number, LockedCourse>): Promise<void> {
  // Only the database knows whether the viewer is enrolled in one of them.
  const doubtful = [...courses.values()].filter(course => !seesCourse(viewer, course, () => false)).map(({ id }) => id);
  if (doubtful.length === 0) return;
  const visible = new Set(await visibleCourseIds(em, viewer, doubtful));
  for (const id of doubtful) if (!visible.has(id)) courses.delete(id);
}

/** Locks courses, visible or not, in ascending order of their ids, and returns those that exist by id. */
export async function lockCourses(em: SqlEntityManager, ids: readonly number[]): Promise<Map<number, LockedCourse>> {
  if (ids.length === 0) return new Map();
  const rows = (await em
    .createQueryBuilder(Course, 'c')
    .select(['id', 'title', 'status', 'isPublished', 'capacity', 'activeEnrollments', 'instructor'])
    .where({ id: { $in: [...ids] } })
    .orderBy({ id: 'asc' })
    .setLockMode(LockMode.PESSIMISTIC_WRITE)
    .execute('all')) as unknown as (Omit<LockedCourse, 'isPublished' | 'instructorId'> & {
    isPublished: StoredBoolean;
    instructor: number | null;
  })[];
  return new Map(
    rows.map(({ instructor, ...row }) => [
      row.id,
      { ...row, isPublished: isTrue(row.isPublished), instructorId: instructor },
    ]),
  );
}

/**
 * Returns the ids of those users who exist; none of them can be deleted before the transaction ends.
 *
 * This is the lock that the foreign key would take anyway, only earlier: after the courses' locks, and before an insert
 * could fail.
 */
export async function lockUsers(em: SqlEntityManager, ids: readonly number[]): Promise<Set<number>> {
  const rows = await em
    .createQueryBuilder(User, 'u')
    .select(['id'])
    .where({ id: { $in: [...new Set(ids)] } })
    .setLockMode(LockMode.PESSIMISTIC_READ)
    .execute<{ id: number }[]>('all');
  return new Set(rows.map(({ id }) => id));
}

/** A locked enrollment, with its course and the other locked courses that the viewer sees. */
export interface LockedEnrollment {
  readonly enrollment: LockedEnrollmentRow;
  readonly course: LockedCourse;
  readonly others: Map<number, LockedCourse>;
}

/**
 * Runs work in a transaction that has locked an enrollment that a viewer sees and, before it, its course and those of
 * `otherCourses` that the viewer sees; null: the enrollment does not exist, or is hidden from the viewer.
 *
 * Its course is first looked up without a lock. If it has moved to another one meanwhile, the transaction is run again.
 */
export function withLockedEnrollment<Result>(
  database: Database,
  viewer: Viewer,
  id: number,
  otherCourses: readonly number[],
  work: (em: SqlEntityManager, locked: LockedEnrollment | null) => Promise<Result>,
  afterLostCommit?: AfterLostCommit<Result>,
): Promise<Result> {
  const prepare = async (): Promise<Prepared & { readonly courseId: number | null }> => {
    const em = database.em.fork() as SqlEntityManager;
    const courseId = await courseOfVisibleEnrollment(em, viewer, id);
    // All in one statement, because of the locks' order: also the enrollment's own course, visible or not, because the
    // enrollment is.
    const courses = courseId === null ? [] : [courseId, ...(await visibleCourseIds(em, viewer, otherCourses))];
    return { courseId, courses };
  };
  return inPreparedTransaction(
    database,
    prepare,
    async (em, { courseId, courses }, isLocked) => {
      if (courseId === null) return work(em, null);
      const others = await lockCourses(em, courses);
      isLocked();
      return work(em, await lockedEnrollment(em, viewer, id, courseId, others));
    },
    afterLostCommit,
  );
}

/** Locks an enrollment after its course. Errors: COUNTER_CONFLICT if it has moved to another one. */
async function lockedEnrollment(
  em: SqlEntityManager,
  viewer: Viewer,
  id: number,
  courseId: number,
  courses: Map<number, LockedCourse>,
): Promise<LockedEnrollment | null> {
  const enrollment = await readLocked(em, id);
  if (!enrollment) return null;
  if (enrollment.courseId !== courseId) {
    throw new CounterError(
      'COUNTER_CONFLICT',
      `Enrollment ${id} moved to course ${enrollment.courseId} while course ${courseId} was being locked.`,
    );
  }
  const course = courses.get(courseId)!;
  await leaveOutHidden(em, viewer, courses);
  if (!seesEnrollment(viewer, { studentId: enrollment.studentId, instructorId: course.instructorId })) return null;
  return { enrollment, course, others: courses };
}

async function readLocked(em: SqlEntityManager, id: number): Promise<LockedEnrollmentRow | null> {
  const row = (await em
    .createQueryBuilder(Enrollment, 'e')
    .select(['id', 'course', 'student', 'status'])
    .where({ id })
    .setLockMode(LockMode.PESSIMISTIC_WRITE)
    .execute('get')) as unknown as
    { id: number; course: number; student: number; status: EnrollmentStatus } | null | undefined;
  return row ? { id: row.id, courseId: row.course, studentId: row.student, status: row.status } : null;
}
