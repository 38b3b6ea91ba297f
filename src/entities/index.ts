export { Course } from './course.js';
export { Enrollment } from './enrollment.js';
export { compareKeys, isKey, keyIn, KEYS_ARE, sortedKeys, type Key } from './key.js';
export { RecountChange } from './recount-change.js';
export { RecountRun } from './recount-run.js';
export { User } from './user.js';
export { CourseStatus, EnrollmentStatus, MAX_CAPACITY, Role, RunKind, RunStatus } from './values.js';
export { countOf, counters, storedCounts } from './counters.js';
