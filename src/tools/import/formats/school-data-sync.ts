import { EnrollmentStatus } from '../../../entities/index.js';
import { isoDates } from '../dates.js';
import type { EnrollmentFormat } from './enrollment-format.js';

/**
 * `StudentEnrollment.csv` of Microsoft School Data Sync, version 1, which has students only:
 * https://learn.microsoft.com/schooldatasync/sds-v1-csv-file-format
 */
export const schoolDataSync1: EnrollmentFormat = {
  columns: { course: 'Section SIS ID', student: 'SIS ID' },
  optional: [],
  unused: [],
  otherFile: { name: 'teacherroster', reason: 'has the teachers; the students are in StudentEnrollment.csv' },
  operations: { '': EnrollmentStatus.ACTIVE },
  dates: isoDates,
};

/**
 * `enrollments.csv` of Microsoft School Data Sync, version 2 and 2.1, whose columns are the same:
 * https://learn.microsoft.com/schooldatasync/sds-v2.1-csv-file-format
 */
export const schoolDataSync2: EnrollmentFormat = {
  columns: { course: 'classSourcedId', student: 'userSourcedId', role: 'role' },
  optional: [],
  unused: [],
  studentRoles: ['student'],
  operations: { '': EnrollmentStatus.ACTIVE },
  dates: isoDates,
};
