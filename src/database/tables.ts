import type { CourseStatus, EnrollmentStatus, Role, RunKind, RunStatus } from '../entities/index.js';

/** Is a moment as the driver gives it: MySQL's and MariaDB's text in UTC, SQLite's milliseconds. */
export type StoredMoment = string | number;

/** Describes the tables for the query builder that the reader compiles its SQL with. */
export interface Tables {
  core_user: {
    id: number;
    name: string;
    email: string;
    role: Role;
    created_at: StoredMoment;
    updated_at: StoredMoment;
  };
  core_course: {
    id: number;
    title: string;
    description: string | null;
    status: CourseStatus;
    is_published: number;
    capacity: number | null;
    instructor_id: number | null;
    total_enrollments: number;
    active_enrollments: number;
    created_at: StoredMoment;
    updated_at: StoredMoment;
  };
  core_enrollments: {
    id: number;
    course_id: number;
    student_id: number;
    status: EnrollmentStatus;
    enrolled_at: StoredMoment;
    updated_at: StoredMoment;
  };
  core_recount_runs: {
    id: number;
    kind: RunKind;
    status: RunStatus;
    undone_run_id: number | null;
    dry_run: number;
    started_by: string;
    course_ids: string | null;
    batch_size: number | null;
    throttle: number;
    total: number;
    checked: number;
    drifted: number;
    repaired: number;
    cursor_id: number | null;
    error: string | null;
    owner: string;
    lease_expires_at: StoredMoment;
    is_starting: number | null;
    slot: string | null;
    started_at: StoredMoment;
    updated_at: StoredMoment;
    finished_at: StoredMoment | null;
  };
  core_recount_changes: {
    id: number;
    run_id: number;
    counter: string;
    course_id: number;
    count_before: number;
    count_after: number;
  };
}

/** Gives a stored moment as a Date. */
export function dateOf(moment: StoredMoment): Date {
  return new Date(typeof moment === 'number' ? moment : `${moment.replace(' ', 'T')}Z`);
}

/** Tells whether a value can be a stored moment: a whole number, or a text that names a day and time that there are. */
export function isStoredMoment(value: string | number): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  const date = dateOf(value);
  return (
    /^[\d-]{10} [\d:]{8}(\.\d{1,6})?$/.test(value) &&
    !Number.isNaN(date.valueOf()) &&
    date.toISOString().startsWith(value.slice(0, 19).replace(' ', 'T'))
  );
}
