import { EnrollmentStatus } from '../../../entities/index.js';
import { isoDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * `enrollments.csv` of OneRoster 1.1 and 1.2, whose columns are the same:
 * https://www.imsglobal.org/oneroster-v11-final-csv-tables and https://www.imsglobal.org/spec/oneroster/v1p2/bind/csv
 *
 * A bulk file has no status: each row is an enrollment. In a delta file it is `active` or `tobedeleted`. Extensions are
 * columns whose names begin with `metadata.`.
 */
export const oneroster: EnrollmentFormat = {
  columns: {
    course: 'classSourcedId',
    student: 'userSourcedId',
    role: 'role',
    operation: 'status',
    enrolled_at: 'beginDate',
    ended_at: 'endDate',
  },
  optional: ['operation', 'enrolled_at', 'ended_at'],
  unused: ['sourcedId', 'dateLastModified', 'schoolSourcedId', 'primary', 'metadata.*'],
  studentRoles: ['student'],
  operations: { '': EnrollmentStatus.ACTIVE, active: EnrollmentStatus.ACTIVE, tobedeleted: 'unenroll' },
  dates: isoDates,
};
