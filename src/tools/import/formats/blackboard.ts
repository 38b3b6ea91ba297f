import { EnrollmentStatus } from '../../../entities/index.js';
import { isoDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * The snapshot flat file of memberships of Blackboard Learn:
 * https://help.blackboard.com/Learn/Administrator/SaaS/Integrations/Student_Information_System/SIS_Integration_Types/Snapshot_Flat_File/Snapshot_Header
 *
 * A membership that is disabled, or not available to its user, is suspended.
 */
export const blackboard: EnrollmentFormat = {
  columns: {
    course: 'EXTERNAL_COURSE_KEY',
    student: 'EXTERNAL_PERSON_KEY',
    role: 'ROLE',
    operation: 'ROW_STATUS',
    suspended: 'AVAILABLE_IND',
  },
  optional: ['operation', 'suspended'],
  unused: ['DATA_SOURCE_KEY', 'NEW_DATA_SOURCE_KEY'],
  delimiter: '|',
  studentRoles: ['student'],
  operations: {
    '': EnrollmentStatus.ACTIVE,
    enabled: EnrollmentStatus.ACTIVE,
    disabled: EnrollmentStatus.SUSPENDED,
    deleted: 'unenroll',
  },
  suspensions: { '': false, y: false, n: true },
  footer: '***FileFooter',
  dates: isoDates,
};
