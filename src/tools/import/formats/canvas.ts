import { EnrollmentStatus } from '../../../entities/index.js';
import { isoDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * `enrollments.csv` of Canvas' SIS import: https://developerdocs.instructure.com/services/canvas/sis/file.sis_csv
 *
 * `deleted_last_completed` deletes one of several enrollments of a user in a course, and completes the last one: here
 * there is one only. A row without a course, only with a section, is refused: there are no sections here.
 */
export const canvas: EnrollmentFormat = {
  columns: { course: 'course_id', student: 'user_id', role: 'role', operation: 'status' },
  optional: [],
  unused: [
    'section_id',
    'root_account',
    'start_date',
    'end_date',
    'associated_user_id',
    'limit_section_privileges',
    'notify',
  ],
  studentRoles: ['student'],
  operations: {
    active: EnrollmentStatus.ACTIVE,
    completed: EnrollmentStatus.COMPLETED,
    deleted_last_completed: EnrollmentStatus.COMPLETED,
    inactive: EnrollmentStatus.SUSPENDED,
    deleted: 'unenroll',
  },
  dates: isoDates,
};
