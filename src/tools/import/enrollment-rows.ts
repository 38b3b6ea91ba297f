import { z } from 'zod';
import { EnrollmentStatus } from '../../entities/index.js';
import { quotedCell, type BadRow } from './bad-row.js';
import type { TableRow } from './table.js';

/** The columns of a file of enrollments; those with `?` are optional. */
export const enrollmentColumns = ['course', 'student', 'status?', 'enrolled_at?'] as const;

/** What a file calls a course or a student: a text that is looked up, and may also be an id. */
export interface Reference {
  readonly text: string;
  /** Null: the text can be no id. */
  readonly id: number | null;
}

/** An enrollment as a file names it. */
export interface ImportedEnrollment {
  readonly file: string;
  readonly line: number;
  readonly course: Reference;
  readonly student: Reference;
  readonly status: EnrollmentStatus;
  readonly enrolledAt: Date;
}

type EnrollmentColumn = 'course' | 'student' | 'status' | 'enrolled_at';

/** Returns the enrollment that a row of a file names, or why it names none. */
export function enrollmentRowOf(
  file: string,
  { line, values }: TableRow<EnrollmentColumn>,
  now: Date,
): ImportedEnrollment | BadRow {
  const status =
    values.status === ''
      ? EnrollmentStatus.ACTIVE
      : Object.values(EnrollmentStatus).find(one => one === values.status.toLowerCase());
  const enrolledAt = values.enrolled_at === '' ? now : momentOf(values.enrolled_at);
  const student = referenceOf(values.student);
  if (student.id === null && !student.text.includes('@'))
    return {
      file,
      line,
      code: 'UNKNOWN_STUDENT',
      message: `The student ${quotedCell(values.student)} is neither a user's id nor an email.`,
    };
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
      message: `The moment ${quotedCell(values.enrolled_at)} is not ISO 8601, such as 2026-01-31 or 2026-01-31T12:00:00Z.`,
    };
  return { file, line, course: referenceOf(values.course), student, status, enrolledAt };
}

function referenceOf(value: string): Reference {
  // Longer numbers are no ids: JavaScript would round them to one that somebody else has.
  return { text: value, id: /^\d{1,15}$/.test(value) ? Number(value) : null };
}

const momentForm = z.union([z.iso.date(), z.iso.datetime({ offset: true, local: true })]);

/**
 * Reads a date or a moment of ISO 8601, in UTC where it names no offset; null for anything else, or before the year
 * 1000.
 */
function momentOf(text: string): Date | null {
  const iso = text.replace(' ', 'T');
  if (!momentForm.safeParse(iso).success) return null;
  const date = new Date(/(T.*([Z]|[+-]\d\d:?\d\d)$)|^\d{4}-\d\d-\d\d$/.test(iso) ? iso : `${iso}Z`);
  const year = date.getUTCFullYear();
  // What MySQL's DATETIME holds.
  return year >= 1000 && year <= 9999 ? date : null;
}
