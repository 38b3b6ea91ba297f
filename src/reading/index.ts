/** The reads of the API: plain rows, one statement for each call, only what the viewer may see. */
export {
  computedCounts,
  computedCountsByStatus,
  type ComputedCount,
  type CountRequest,
  type JoinedCounts,
} from './counts.js';
export { courseStateOf, courseStates, storedCountsOf, type CourseState } from './course-states.js';
export { courseAudience } from './course-audience.js';
export type { CourseFilter, CourseOrdering } from './course-filter.js';
export { courseCount, coursePage, coursesById, type CourseRow } from './courses.js';
export { enrollmentCount, enrollmentCounts } from './enrollment-counts.js';
export { enrollmentPage, enrollmentPages } from './enrollment-pages.js';
export {
  enrollmentsById,
  enrollmentsOf,
  type EnrollmentFilter,
  type EnrollmentOrdering,
  type EnrollmentParent,
  type EnrollmentRow,
  hasOnlyOurs,
} from './enrollments.js';
export type { Ordering, Page, PageRequest, Position } from './page.js';
export { limitRowsRead, TooManyRows } from './rows-limit.js';
export { ASSUMED_SIZES, CachedTableSizes, NO_ROWS, roundedUp, rowsOfLargest, type TableSizes } from './table-sizes.js';
export type { ReadProperties } from '../database/row-reader.js';
export { isStoredMoment } from '../database/tables.js';
export { usersById, type JoinedUsers, type UserRow } from './users.js';
