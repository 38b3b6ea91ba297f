import { LockMode } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from '../counters/index.js';
import { Course, CourseStatus, Enrollment, EnrollmentStatus, User } from '../entities/index.js';

/** Holds what a use case must know of a course while it holds the course's lock. */
export interface LockedCourse {
  readonly id: number;
  readonly title: string;
  readonly status: CourseStatus;
  readonly isPublished: boolean;
  readonly capacity: number | null;
  readonly activeEnrollments: number;
  readonly instructorId: number | null;
}

/** Holds what a use case must know of an enrollment. */
export interface EnrollmentRow {
  readonly id: number;
  readonly courseId: number;
  readonly studentId: number;
  readonly status: EnrollmentStatus;
}

/** Locks courses in ascending id order and gives them by id; one that is not there is left out. */
export async function lockCourses(em: SqlEntityManager, ids: readonly number[]): Promise<Map<number, LockedCourse>> {
  const rows = (await em
    .createQueryBuilder(Course, 'c')
    .select(['id', 'title', 'status', 'isPublished', 'capacity', 'activeEnrollments', 'instructor'])
    .where({ id: { $in: [...new Set(ids)] } })
    .orderBy({ id: 'asc' })
    .setLockMode(LockMode.PESSIMISTIC_WRITE)
    .execute('all')) as unknown as (Omit<LockedCourse, 'instructorId'> & { instructor: number | null })[];
  return new Map(rows.map(({ instructor, ...row }) => [row.id, { ...row, isPublished: Boolean(row.isPublished), instructorId: instructor }]));
}

/**
 * Gives the ids of those users who are there; none of them can be deleted before the transaction ends.
 *
 * This is the lock that the foreign key takes anyway, only sooner: behind the courses' locks, and before a row is refused.
 */
export async function lockUsers(em: SqlEntityManager, ids: readonly number[]): Promise<Set<number>> {
  const rows = (await em
    .createQueryBuilder(User, 'u')
    .select(['id'])
    .where({ id: { $in: [...new Set(ids)] } })
    .setLockMode(LockMode.PESSIMISTIC_READ)
    .execute('all')) as { id: number }[];
  return new Set(rows.map(({ id }) => id));
}

/**
 * Gives an enrollment under lock, with its course, and others that are named, locked before it; null: it is not there.
 *
 * Its course is looked up without a lock first. Where it has moved until the locks are held, the transaction must be run
 * again (COUNTER_CONFLICT, which inTransaction does).
 */
export async function lockEnrollment(
  em: SqlEntityManager,
  id: number,
  otherCourses: readonly number[] = [],
): Promise<{ enrollment: EnrollmentRow; courses: Map<number, LockedCourse> } | null> {
  const seen = await readEnrollment(em, id, LockMode.NONE);
  if (!seen) return null;
  const courses = await lockCourses(em, [seen.courseId, ...otherCourses]);
  const enrollment = await readEnrollment(em, id, LockMode.PESSIMISTIC_WRITE);
  if (!enrollment) return null;
  if (enrollment.courseId !== seen.courseId) {
    throw new CounterError('COUNTER_CONFLICT', `Enrollment ${id} moved to course ${enrollment.courseId} while course ${seen.courseId} was being locked.`);
  }
  return { enrollment, courses };
}

async function readEnrollment(em: SqlEntityManager, id: number, lockMode: LockMode): Promise<EnrollmentRow | null> {
  const row = (await em
    .createQueryBuilder(Enrollment, 'e')
    .select(['id', 'course', 'student', 'status'])
    .where({ id })
    .setLockMode(lockMode)
    .execute('get')) as unknown as { id: number; course: number; student: number; status: EnrollmentStatus } | null | undefined;
  return row ? { id: row.id, courseId: row.course, studentId: row.student, status: row.status } : null;
}
