import { EnrollmentStatus } from '../../entities/index.js';
import { quotedCell, type BadRow } from './bad-row.js';
import type { RowContext } from './read-blocks.js';
import type { Placement } from './placement.js';
import { referenceOf, type Reference } from './references.js';
import type { FileColumn, FileRow } from './table.js';

/** The columns of a file of enrollments; those with `?` are optional. */
export const enrollmentColumns = ['course', 'student', 'status?', 'enrolled_at?'] as const;

/** Other names that files have for the columns of enrollments. */
export const enrollmentAliases: Readonly<Record<FileColumn<typeof enrollmentColumns>, readonly string[]>> = {
  course: ['course_id', 'course_title', 'course_name', 'course_code', 'class', 'class_id', 'module'],
  student: [
    'student_id',
    'student_email',
    'user',
    'user_id',
    'user_email',
    'email',
    'mail',
    'username',
    'user_name',
    'login',
  ],
  status: ['state', 'enrollment_status', 'enrolment_status'],
  enrolled_at: [
    'enrolled',
    'enrolled_on',
    'enrollment_date',
    'enrolment_date',
    'date_enrolled',
    'date',
    'created',
    'created_at',
  ],
};

/** An enrollment as a file names it. */
export interface ImportedEnrollment {
  readonly file: string;
  readonly line: number;
  readonly course: Reference;
  readonly student: Reference;
  readonly operation?: Placement['operation'];
  readonly status: EnrollmentStatus;
  readonly enrolledAt: Date;
}

/** Returns the enrollment that a row of a file names, or why it names none. */
export function enrollmentRowOf(
  { line, values }: FileRow<FileColumn<typeof enrollmentColumns>>,
  { file, now, dates }: RowContext,
): ImportedEnrollment | BadRow {
  const status =
    values.status === ''
      ? EnrollmentStatus.ACTIVE
      : Object.values(EnrollmentStatus).find(one => one === values.status.toLowerCase());
  const enrolledAt = values.enrolled_at === '' ? now : dates.read(values.enrolled_at);
  if (!status)
    return {
      file,
      line,
      code: 'BAD_STATUS',
      message: `The status ${quotedCell(values.status)} is none of ${Object.values(EnrollmentStatus).join(', ')}.`,
    };
  if (!enrolledAt)
    return {
      file,
      line,
      code: 'BAD_DATE',
      message: `The moment ${quotedCell(values.enrolled_at)} is not ${dates.expected}.`,
    };
  return { file, line, course: referenceOf(values.course), student: referenceOf(values.student), status, enrolledAt };
}
