import { EnrollmentStatus } from '../../../entities/index.js';
import { isoDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * A table of enrollments as phpMyAdmin exports it to CSV, by the defaults of any version, in which NULL is the word:
 * https://docs.phpmyadmin.net/en/latest/import_export.html#csv
 *
 * Whether the first row names the columns, and whether a quote is doubled or has a backslash before it, differs by
 * version and choice: `--columns` and `--escape` say it.
 */
export const phpMyAdmin: EnrollmentFormat = {
  columns: { course: 'course_id', student: 'student_id', operation: 'status', enrolled_at: 'enrolled_at' },
  optional: ['operation', 'enrolled_at'],
  unused: ['id', 'updated_at'],
  operations: {
    '': EnrollmentStatus.ACTIVE,
    ...Object.fromEntries(Object.values(EnrollmentStatus).map(one => [one, one])),
  },
  none: 'NULL',
  dates: isoDates,
};
