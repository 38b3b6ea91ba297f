import { EnrollmentStatus } from '../../../entities/index.js';
import { unixDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * The flat file of Moodle, without names of columns, with four or six values a row:
 * https://docs.moodle.org/en/Flat_file and https://github.com/moodle/moodle/blob/main/enrol/flatfile/lib.php
 */
export const moodle: EnrollmentFormat = {
  columns: { operation: 'operation', role: 'role', student: 'user', course: 'course', enrolled_at: 'start' },
  optional: ['enrolled_at'],
  unused: ['end'],
  header: ['operation', 'role', 'user', 'course', 'start', 'end'],
  shortRows: true,
  delimiter: ',',
  studentRoles: ['student'],
  operations: { add: EnrollmentStatus.ACTIVE, del: 'unenroll' },
  // A start of 0 is none.
  noDate: '0',
  dates: unixDates,
};
