import { CourseStatus } from '../entities/index.js';
import type { LockedCourse } from './locked-rows.js';
import { problem, UserErrorCode, type Problem } from './outcome.js';

/**
 * Gives the number of ACTIVE enrollments that a course can still take; its lock must be held for the answer to last.
 */
export function freeSeats({ capacity, activeEnrollments }: LockedCourse): number {
  return capacity === null ? Number.POSITIVE_INFINITY : Math.max(0, capacity - activeEnrollments);
}

/** Gives the problem of a course without a free seat. */
export function courseFull({ id, title, capacity }: LockedCourse, field: readonly string[]): Problem {
  return problem(
    UserErrorCode.COURSE_FULL,
    field,
    `Course ${id} "${title}" is full: all its ${capacity} seats are taken.`,
  );
}

/** Returns the problem of a course that students see but cannot enroll in by themselves; null where they can. */
export function courseClosed(
  { id, title, status, isPublished }: LockedCourse,
  field: readonly string[],
): Problem | null {
  if (status === CourseStatus.ACTIVE && isPublished) return null;
  return problem(
    UserErrorCode.COURSE_CLOSED,
    field,
    `Course ${id} "${title}" is closed to students: it is ${isPublished ? status.toUpperCase() : 'not published'}.`,
  );
}

/** Gives the problem of a row that is not there. */
export function notFound(
  what: 'Course' | 'User' | 'Student' | 'Enrollment',
  id: number,
  field: readonly string[],
): Problem {
  return problem(UserErrorCode.NOT_FOUND, field, `${what} ${id} does not exist.`);
}
