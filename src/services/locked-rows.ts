import { LockMode } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from '../counters/index.js';
import { Course, CourseStatus, Enrollment, EnrollmentStatus, User } from '../entities/index.js';
import { courseOfVisibleEnrollment, seesCourse, seesEnrollment, visibleCourseIds } from './reader/visibility.js';
import type { Viewer } from './viewer.js';

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

/**
 * Locks those of the courses that a viewer sees, in ascending id order, and returns them by id.
 *
 * What a viewer does not see is left out before anything is locked, as if it were not there: not even a wait for its lock
 * tells that it exists.
 */
export async function lockCourses(em: SqlEntityManager, viewer: Viewer, ids: readonly number[]): Promise<Map<number, LockedCourse>> {
  const courses = await lockedCourses(em, await visibleCourseIds(em, viewer, [...new Set(ids)]));
  await leaveOutHidden(em, viewer, courses);
  return courses;
}

/** Leaves out the courses that were hidden from the viewer before their lock was had. */
async function leaveOutHidden(em: SqlEntityManager, viewer: Viewer, courses: Map<number, LockedCourse>): Promise<void> {
  // Whether the viewer is enrolled in one, only the database knows.
  const doubtful = [...courses.values()].filter(course => !seesCourse(viewer, course, () => false)).map(({ id }) => id);
  if (doubtful.length === 0) return;
  const visible = new Set(await visibleCourseIds(em, viewer, doubtful));
  for (const id of doubtful) if (!visible.has(id)) courses.delete(id);
}

async function lockedCourses(em: SqlEntityManager, ids: readonly number[]): Promise<Map<number, LockedCourse>> {
  if (ids.length === 0) return new Map();
  const rows = (await em
    .createQueryBuilder(Course, 'c')
    .select(['id', 'title', 'status', 'isPublished', 'capacity', 'activeEnrollments', 'instructor'])
    .where({ id: { $in: [...ids] } })
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
 * Returns an enrollment that a viewer sees under lock, with its course and those of `otherCourses` that the viewer sees,
 * locked before it; null: it is not there, or not for this viewer.
 *
 * Its course is looked up without a lock first. Where it has moved until the locks are held, the transaction must be run
 * again (COUNTER_CONFLICT, which inTransaction does).
 */
export async function lockEnrollment(
  em: SqlEntityManager,
  viewer: Viewer,
  id: number,
  otherCourses: readonly number[] = [],
): Promise<{ enrollment: EnrollmentRow; course: LockedCourse; others: Map<number, LockedCourse> } | null> {
  const courseId = await courseOfVisibleEnrollment(em, viewer, id);
  if (courseId === null) return null;
  // All in one statement, for the locks' order: the enrollment's own course whether it is visible or not, since the enrollment is.
  const courses = await lockedCourses(em, [courseId, ...(await visibleCourseIds(em, viewer, otherCourses))]);
  const enrollment = await readLocked(em, id);
  if (!enrollment) return null;
  if (enrollment.courseId !== courseId) {
    throw new CounterError('COUNTER_CONFLICT', `Enrollment ${id} moved to course ${enrollment.courseId} while course ${courseId} was being locked.`);
  }
  const course = courses.get(courseId)!;
  await leaveOutHidden(em, viewer, courses);
  if (!seesEnrollment(viewer, { studentId: enrollment.studentId, instructorId: course.instructorId })) return null;
  return { enrollment, course, others: courses };
}

async function readLocked(em: SqlEntityManager, id: number): Promise<EnrollmentRow | null> {
  const row = (await em
    .createQueryBuilder(Enrollment, 'e')
    .select(['id', 'course', 'student', 'status'])
    .where({ id })
    .setLockMode(LockMode.PESSIMISTIC_WRITE)
    .execute('get')) as unknown as { id: number; course: number; student: number; status: EnrollmentStatus } | null | undefined;
  return row ? { id: row.id, courseId: row.course, studentId: row.student, status: row.status } : null;
}
