import { EnrollmentStatus } from '../../../entities/index.js';
import { isoDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * The file of enrollments of D2L's standard CSV for Brightspace (IPSIS):
 * https://community.d2l.com/brightspace/kb/articles/23823-enrollments
 *
 * An action that is missing is an update, which also creates. Each organization names its roles itself.
 */
export const brightspace: EnrollmentFormat = {
  columns: {
    kind: 'type',
    operation: 'action',
    student: 'child_code',
    role: 'role_name',
    course: 'parent_code',
  },
  optional: ['operation'],
  unused: [],
  kind: 'enrollment',
  studentRoles: ['student'],
  operations: {
    '': EnrollmentStatus.ACTIVE,
    create: EnrollmentStatus.ACTIVE,
    update: EnrollmentStatus.ACTIVE,
    delete: 'unenroll',
  },
  dates: isoDates,
};
