/**
 * Who may do what. Only the use cases check access, each as its first step, before its input is read: so every caller
 * is checked, and resolvers only pass the viewer on. Commands and schedules call as `operator`. The rules of which rows
 * a viewer sees are in reading/visibility.ts; lists of enrollments take a Viewer, which signedIn() returns.
 */
import { Role, type Key, shownKey } from '../entities/index.js';
import type { Viewer } from './viewer.js';

/**
 * The input of a use case: itself, or a function that reads it, which the use case calls once access has been checked.
 */
export type Asked<Input extends object> = Input | (() => Input);

/** Returns the input of a use case. Errors: those of reading it. */
export function inputOf<Input extends object>(asked: Asked<Input>): Input {
  return typeof asked === 'function' ? asked() : asked;
}

/** The error of a caller who is not signed in, or not allowed to do this. */
export class AccessError extends Error {
  override readonly name = 'AccessError';

  constructor(
    readonly code: 'UNAUTHENTICATED' | 'FORBIDDEN',
    message: string,
  ) {
    // One answer may contain thousands of these errors; a stack trace, which nobody reads, would be most of their cost.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Returns the viewer. Errors: UNAUTHENTICATED if nobody is signed in. */
export function signedIn(viewer: Viewer | null): Viewer {
  if (!viewer)
    throw new AccessError('UNAUTHENTICATED', 'Sign in: send a token in the header "Authorization: Bearer <token>".');
  return viewer;
}

/** Returns the viewer. Errors: UNAUTHENTICATED or FORBIDDEN unless it is an admin. */
export function adminOnly(viewer: Viewer | null): Viewer {
  const caller = signedIn(viewer);
  if (caller.role !== Role.ADMIN) throw forbidden('Only admins may do this.');
  return caller;
}

/** Returns true if the viewer may act for a course: its instructor, if that is a teacher, and admins. */
export function mayManage(viewer: Viewer, course: { readonly instructorId: Key | null }): boolean {
  if (viewer.role === Role.ADMIN) return true;
  return viewer.role === Role.TEACHER && viewer.userId !== null && viewer.userId === course.instructorId;
}

/** Throws FORBIDDEN unless the viewer is an admin or the teacher of the course. */
export function manageOnly(viewer: Viewer, course: { readonly id: Key; readonly instructorId: Key | null }): void {
  if (!mayManage(viewer, course))
    throw forbidden(`Only the teacher of course ${shownKey(course.id)} and admins may do this.`);
}

/** Throws FORBIDDEN unless the viewer has a role that may manage courses, so that others learn nothing about them. */
export function staffOnly(viewer: Viewer | null): Viewer {
  const caller = signedIn(viewer);
  if (caller.role === Role.STUDENT) throw forbidden('Only teachers and admins may do this.');
  return caller;
}

/** Returns the error for a viewer who is signed in but may not do this. */
export function forbidden(message: string): AccessError {
  return new AccessError('FORBIDDEN', message);
}
