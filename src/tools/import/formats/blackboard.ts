import { EnrollmentStatus } from '../../../entities/index.js';
import { isoDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * The snapshot flat file of memberships of Blackboard Learn:
 * https://help.blackboard.com/Learn/Administrator/SaaS/Integrations/Student_Information_System/SIS_Integration_Types/Snapshot_Flat_File/Snapshot_Header
 *
 * A membership that is disabled, or not available to its user, is suspended. `S` is the student's role as Blackboard
 * stores it, which many files have.
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
  unused: [
    'DATA_SOURCE_KEY',
    'NEW_DATA_SOURCE_KEY',
    'BYPASS_DATE',
    'CARTRIDGE_IND',
    'INTRO',
    'LINK_DESC_1',
    'LINK_DESC_2',
    'LINK_DESC_3',
    'LINK_NAME_1',
    'LINK_NAME_2',
    'LINK_NAME_3',
    'LINK_URL_1',
    'LINK_URL_2',
    'LINK_URL_3',
    'NOTE',
    'PHOTO_LINK',
    'PINFO',
    'PRIMARY_INSTRUCTOR',
    'RECEIVE_EMAIL_IND',
    'ROSTER_IND',
  ],
  delimiter: '|',
  studentRoles: ['student', 's'],
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
