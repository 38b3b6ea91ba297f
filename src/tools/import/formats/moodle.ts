import { EnrollmentStatus } from '../../../entities/index.js';
import { unixDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * The flat file of Moodle, without names of columns, with four to six values a row, separated by commas or semicolons:
 * https://docs.moodle.org/en/Flat_file and https://github.com/moodle/moodle/blob/main/enrol/flatfile/lib.php
 *
 * Moodle keeps a row whose start is in the future, and does it then; here it is refused until then.
 */
export const moodle: EnrollmentFormat = {
  columns: {
    operation: 'operation',
    role: 'role',
    student: 'user',
    course: 'course',
    enrolled_at: 'start',
    ended_at: 'end',
  },
  optional: ['enrolled_at', 'ended_at'],
  unused: [],
  header: ['operation', 'role', 'user', 'course', 'start', 'end'],
  shortRows: true,
  singleQuotes: true,
  studentRoles: ['student'],
  operations: { add: EnrollmentStatus.ACTIVE, del: 'unenroll' },
  // A time of 0 is none.
  none: '0',
  waitsForBeginning: true,
  dates: unixDates,
};
