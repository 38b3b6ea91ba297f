import { defineCounter } from 'mikro-orm-counters';
import { Enrollment } from './enrollment.js';
import { EnrollmentStatus } from './values.js';

/** The counter `Course.totalEnrollments`: all enrollments of a course, whatever their status. */
const totalEnrollments = defineCounter({ counted: Enrollment, by: 'course', into: 'totalEnrollments' });

/** The counter `Course.activeEnrollments`: the enrollments of a course that take a seat. */
const activeEnrollments = defineCounter({
  counted: Enrollment,
  by: 'course',
  into: 'activeEnrollments',
  where: { status: EnrollmentStatus.ACTIVE },
});

/** All counters of this application. */
export const counters = [totalEnrollments, activeEnrollments];
