import { LockMode } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../database/database.js';
import { isTrue, type PlainRow, type StoredBoolean } from '../database/tables.js';
import { Course, Enrollment, User } from '../entities/index.js';
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
  const rows = (await em
    .createQueryBuilder(Enrollment, 'e')
    .select(['course', 'student'])
    .where({ course: { $in: [...courses] }, student: { $in: [...students] } })
    .execute('all')) as unknown as { course: number; student: number }[];
  return new Set(rows.map(({ course, student }) => pairOf({ courseId: course, studentId: student })));
}
