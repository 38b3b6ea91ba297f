import { EnrollmentStatus } from '../../../entities/index.js';
import { isoDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * `enrollments.csv` of Canvas' SIS import: https://developerdocs.instructure.com/services/canvas/sis/file.sis_csv
 *
 * `deleted_last_completed` deletes one of several enrollments of a user in a course, and completes the last one: here
 * there is one only. A row without a course, only with a section, is refused: there are no sections here. A user's
 * integration id and the id of a role count in place of the user's id and the role's name, as in Canvas.
 */
export const canvas: EnrollmentFormat = {
  columns: {
    course: 'course_id',
    student: 'user_id',
    role: 'role',
    operation: 'status',
    enrolled_at: 'start_date',
    ended_at: 'end_date',
  },
  optional: ['enrolled_at', 'ended_at'],
  preferred: { student: 'user_integration_id', role: 'role_id' },
  refused: {
    root_account: 'the user is one of another account',
    temporary_enrollment_source_user_id: 'the enrollment is a temporary one in place of another user',
  },
  unused: ['section_id', 'associated_user_id', 'limit_section_privileges', 'notify'],
  whenMissing: {
    course: 'There are no sections here; where a row names only one, fill in the course of sections.csv.',
  },
  studentRoles: ['student'],
  operations: {
    active: EnrollmentStatus.ACTIVE,
    completed: EnrollmentStatus.COMPLETED,
    deleted_last_completed: EnrollmentStatus.COMPLETED,
    inactive: EnrollmentStatus.SUSPENDED,
    deleted: 'unenroll',
  },
  datesTogether: true,
  dates: isoDates,
};
