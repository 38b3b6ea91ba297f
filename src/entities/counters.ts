import { defineCounter } from 'mikro-orm-counters';
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
