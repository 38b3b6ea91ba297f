import { defineCounter, exactNumber, type CountValue } from 'mikro-orm-counters';
import { Enrollment } from './enrollment.js';
import { EnrollmentStatus } from './values.js';

/** The counters of this application; docs/architecture.md says what else a new one takes. */
export const counters = [
  // All enrollments of a course, whatever their status.
  defineCounter({ counted: Enrollment, by: 'course', into: 'totalEnrollments' }),
  // The enrollments that take a seat.
  defineCounter({
    counted: Enrollment,
    by: 'course',
    into: 'activeEnrollments',
    where: { status: EnrollmentStatus.ACTIVE },
  }),
];

/** Returns a count of the engine as the number that it is: the counters of this application sum no decimals. */
export function countOf(value: CountValue): number {
  return exactNumber(value, 'a stored count');
}
