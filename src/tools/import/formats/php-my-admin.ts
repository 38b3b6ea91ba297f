import { EnrollmentStatus } from '../../../entities/index.js';
import { isoDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * A table of enrollments as phpMyAdmin exports it to CSV, by its defaults, in which NULL is the word:
 * https://docs.phpmyadmin.net/en/latest/import_export.html#csv
 */
export const phpMyAdmin: EnrollmentFormat = {
  columns: { course: 'course_id', student: 'student_id', operation: 'status', enrolled_at: 'enrolled_at' },
  optional: ['operation', 'enrolled_at'],
  unused: ['id', 'updated_at'],
  operations: {
    '': EnrollmentStatus.ACTIVE,
    ...Object.fromEntries(Object.values(EnrollmentStatus).map(one => [one, one])),
  },
  noDate: 'NULL',
  dates: isoDates,
};
