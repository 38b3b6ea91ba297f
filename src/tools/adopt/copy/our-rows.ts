import { CourseStatus, EnrollmentStatus, Role } from '../../../entities/index.js';
import { columnsIn, type AnySource, type DatabaseMap, type MapPart } from '../../../map/map-form.js';
import { comparable, type TheirRow } from '../../../map/sources.js';
import type { CopiedKeys } from './copied-keys.js';
import { capacityIn, choiceOf, momentOf, optionalTextIn, RejectedValue, textIn, truthOf } from './our-values.js';

/** The most characters of a name or a title. */
export const MAX_NAME_CHARACTERS = 255;
/** The most characters of an email address (RFC 5321). */
export const MAX_EMAIL_CHARACTERS = 254;

/** A user as another application's row describes it. */
export interface CopiedUser {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  /** The email if another user has that one; null if the map names none. */
  readonly emailIfTaken: string | null;
  readonly role: Role;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A course as another application's row describes it. */
export interface CopiedCourse {
  readonly id: number;
  readonly title: string;
  readonly description: string | null;
  readonly status: CourseStatus;
  readonly isPublished: boolean;
  readonly capacity: number | null;
  readonly instructor: number | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** An enrollment as another application's row describes it. */
export interface CopiedEnrollment {
  readonly id: number;
  readonly course: number;
  readonly student: number;
  readonly status: EnrollmentStatus;
  readonly enrolledAt: Date;
  readonly updatedAt: Date;
}

/** Returns the user of a row; one who is inactive becomes a student, without the rights of the role. Errors: RejectedValue. */
export function userOf(users: DatabaseMap['users'], row: TheirRow, keys: CopiedKeys, now: Date): CopiedUser {
  const { columns, emailIfTaken } = users;
  return {
    id: keyIn(keys, 'users', columns.id, row),
    name: textIn('name', columns.name, row, MAX_NAME_CHARACTERS),
    email: textIn('email', columns.email, row, MAX_EMAIL_CHARACTERS).trim(),
    emailIfTaken: emailIfTaken ? textIn('email', emailIfTaken, row, MAX_EMAIL_CHARACTERS) : null,
    role: isInactive(users, row) ? Role.STUDENT : choiceOf('role', columns.role, row, Role),
    createdAt: momentOf('createdAt', columns.createdAt, row, now),
    updatedAt: momentOf('updatedAt', columns.updatedAt ?? columns.createdAt, row, now),
  };
}

/** Returns true for a user who may no longer sign in. */
export function isInactive({ inactive }: DatabaseMap['users'], row: TheirRow): boolean {
  return inactive?.values.some(value => comparable(value) === comparable(row[inactive.column])) ?? false;
}

/** Returns the course of a row. Errors: RejectedValue. */
export function courseOf(
  { columns }: DatabaseMap['courses'],
  row: TheirRow,
  keys: CopiedKeys,
  now: Date,
): CopiedCourse {
  return {
    id: keyIn(keys, 'courses', columns.id, row),
    title: textIn('title', columns.title, row, MAX_NAME_CHARACTERS),
    description: optionalTextIn('description', columns.description, row),
    status: choiceOf('status', columns.status, row, CourseStatus),
    isPublished: truthOf('isPublished', columns.isPublished, row),
    capacity: capacityIn(columns.capacity, row),
    instructor: columns.instructor === undefined ? null : keys.keyIn('users', columns.instructor, row),
    createdAt: momentOf('createdAt', columns.createdAt, row, now),
    updatedAt: momentOf('updatedAt', columns.updatedAt ?? columns.createdAt, row, now),
  };
}

/** Returns the enrollment of a row. Errors: RejectedValue. */
export function enrollmentOf(
  { columns }: DatabaseMap['enrollments'],
  row: TheirRow,
  keys: CopiedKeys,
  now: Date,
): CopiedEnrollment {
  return {
    id: keyIn(keys, 'enrollments', columns.id, row),
    course: keyIn(keys, 'courses', columns.course, row),
    student: keyIn(keys, 'users', columns.student, row),
    status: choiceOf('status', columns.status, row, EnrollmentStatus),
    enrolledAt: momentOf('enrolledAt', columns.enrolledAt, row, now),
    updatedAt: momentOf('updatedAt', columns.updatedAt ?? columns.enrolledAt, row, now),
  };
}

function keyIn(keys: CopiedKeys, part: MapPart, column: string, row: TheirRow): number {
  const key = keys.keyIn(part, column, row);
  if (key === null) throw new RejectedValue('MISSING_VALUE', `${column} is empty.`);
  return key;
}

/** Returns the columns that a part of a map reads, each once. */
export function columnsReadBy(map: DatabaseMap, part: MapPart): string[] {
  const { emailIfTaken, inactive } = map.users;
  const others = part === 'users' ? [...columnsIn(emailIfTaken), ...(inactive ? [inactive.column] : [])] : [];
  return [...new Set([...fieldsOf(map, part).flatMap(([, source]) => columnsIn(source)), ...others])];
}

/** Returns the fields that a part of a map fills, each with the source of its values. */
export function fieldsOf(map: DatabaseMap, part: MapPart): (readonly [field: string, source: AnySource])[] {
  return Object.entries<AnySource>(map[part].columns);
}
