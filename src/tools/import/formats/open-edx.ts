import { EnrollmentStatus } from '../../../entities/index.js';
import { isoDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * A dump of the table `student_courseenrollment` of Open edX:
 * https://edx.readthedocs.io/projects/devdata/en/latest/internal_data_formats/sql_schema.html
 *
 * The row of a student who left stays there, with `is_active` 0, so it is DROPPED here.
 */
export const openEdx: EnrollmentFormat = {
  columns: { course: 'course_id', student: 'user_id', operation: 'is_active', enrolled_at: 'created' },
  optional: ['enrolled_at'],
  unused: ['id', 'mode'],
  operations: {
    '1': EnrollmentStatus.ACTIVE,
    true: EnrollmentStatus.ACTIVE,
    '0': EnrollmentStatus.DROPPED,
    false: EnrollmentStatus.DROPPED,
  },
  none: 'NULL',
  dates: isoDates,
};
