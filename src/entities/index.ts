export { Course } from './course.js';
export { Enrollment } from './enrollment.js';
export {
  compareKeys,
  isAsShown,
  isKey,
  keyForms,
  keyIn,
  keyOfBytes,
  keyOfText,
  keysAre,
  keyText,
  newUuid,
  numberIn,
  shownKey,
  shownKeysIn,
  sortedKeys,
  storedKey,
  uuidIn,
  type Key,
  type KeyForm,
} from './key.js';
export { KeyBytes, KeyText, KeyUuid } from './key-text.js';
export { RecountChange } from './recount-change.js';
export { RecountRun } from './recount-run.js';
export { User } from './user.js';
export { CourseStatus, EnrollmentStatus, MAX_CAPACITY, Role, RunKind, RunStatus } from './values.js';
export { countedStatuses, countOf, counters, storedCounts } from './counters.js';
