export { Course } from './course.js';
export { Enrollment } from './enrollment.js';
export { User } from './user.js';
export { CourseStatus, EnrollmentStatus, Role } from './values.js';
export { activeEnrollments, counters, totalEnrollments } from './counters.js';
