import { defineCounter } from '../counters/index.js';
import { Enrollment } from './enrollment.js';
import { EnrollmentStatus } from './values.js';

/** Declares `Course.totalEnrollments`: all enrollments of a course, whatever their status. */
export const totalEnrollments = defineCounter({ counted: Enrollment, by: 'course', into: 'totalEnrollments' });

/** Declares `Course.activeEnrollments`: the enrollments of a course that take a seat. */
export const activeEnrollments = defineCounter({
  counted: Enrollment,
  by: 'course',
  into: 'activeEnrollments',
  where: { status: EnrollmentStatus.ACTIVE },
});

/** Lists every counter that this application keeps. */
export const counters = [totalEnrollments, activeEnrollments];
