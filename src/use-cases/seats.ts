import { unknownValueIn } from '../map/choices.js';
import { CourseStatus, type Key, shownKey } from '../entities/index.js';
import type { LockedCourse } from './locked-rows.js';
import { problem, UserErrorCode, type Problem } from './outcome.js';

/** Returns the number of free seats of a course, which is valid while its lock is held. */
export function freeSeats({ capacity, activeEnrollments }: LockedCourse): number {
  return capacity === null ? Number.POSITIVE_INFINITY : Math.max(0, capacity - activeEnrollments);
}

/** Returns the problem of a course without a free seat. */
export function courseFull({ id, title, capacity }: LockedCourse, field: readonly string[]): Problem {
  return problem(
    UserErrorCode.COURSE_FULL,
    field,
    `Course ${shownKey(id)} "${title}" is full: all its ${capacity} seats are taken.`,
  );
}

/** Returns the problem of a course that students see but cannot enroll in by themselves; null: they can. */
export function courseClosed(
  { id, title, status, isPublished }: LockedCourse,
  field: readonly string[],
): Problem | null {
  if (status === CourseStatus.ACTIVE && isPublished) return null;
  return problem(
    UserErrorCode.COURSE_CLOSED,
    field,
    `Course ${shownKey(id)} "${title}" is closed to students: it is ${isPublished ? (unknownValueIn(status) ?? status.toUpperCase()) : 'not published'}.`,
  );
}

/** Returns the problem of a row that does not exist. */
export function notFound(
  what: 'Course' | 'User' | 'Student' | 'Enrollment',
  id: Key,
  field: readonly string[],
): Problem {
  return problem(UserErrorCode.NOT_FOUND, field, `${what} ${shownKey(id)} does not exist.`);
}
