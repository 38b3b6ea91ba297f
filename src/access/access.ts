/**
 * Who may do what. Access is checked by the use cases alone, as the first thing that each does, before its input is
 * read: so every caller is checked, and resolvers only pass the viewer on. Commands and schedules call as `operator`.
 * Which rows a viewer sees is told in reader/visibility.ts; lists of enrollments take a Viewer, which signedIn() gives.
 */
import { Role } from '../entities/index.js';
import type { Viewer } from './viewer.js';

/**
 * What a caller asks for: the input itself, or a function that reads it, which a use case calls once access has been
 * checked.
 */
export type Asked<Input extends object> = Input | (() => Input);

/** Returns the input of what a caller asks for. Errors: those of reading it. */
export function inputOf<Input extends object>(asked: Asked<Input>): Input {
  return typeof asked === 'function' ? (asked as () => Input)() : asked;
}

/** Reports that the caller may not do this: nobody is signed in, or somebody is but is not allowed to. */
export class AccessError extends Error {
  override readonly name = 'AccessError';

  constructor(
    readonly code: 'UNAUTHENTICATED' | 'FORBIDDEN',
    message: string,
  ) {
    // An operation may be answered with thousands, of which nobody reads a stack: it is most of what they cost.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Gives the viewer, or throws UNAUTHENTICATED when nobody is signed in. */
export function signedIn(viewer: Viewer | null): Viewer {
  if (!viewer)
    throw new AccessError('UNAUTHENTICATED', 'Sign in: send a token in the header "Authorization: Bearer <token>".');
  return viewer;
}

/** Gives the viewer, or throws UNAUTHENTICATED or FORBIDDEN when it is not an admin. */
export function adminOnly(viewer: Viewer | null): Viewer {
  const known = signedIn(viewer);
  if (known.role !== Role.ADMIN) throw forbidden('Only admins may do this.');
  return known;
}

/** Tells whether the viewer may act for a course: its instructor, being a teacher, and admins. */
export function mayManage(viewer: Viewer, course: { readonly instructorId: number | null }): boolean {
  if (viewer.role === Role.ADMIN) return true;
  return viewer.role === Role.TEACHER && viewer.userId !== null && viewer.userId === course.instructorId;
}

/** Throws FORBIDDEN unless the viewer is an admin or the teacher of the course. */
export function manageOnly(
  viewer: Viewer,
  course: { readonly id: number; readonly instructorId: number | null },
): void {
  if (!mayManage(viewer, course)) throw forbidden(`Only the teacher of course ${course.id} and admins may do this.`);
}

/**
 * Throws FORBIDDEN unless the viewer has a role that may manage courses at all, so that others learn nothing of them.
 */
export function staffOnly(viewer: Viewer | null): Viewer {
  const known = signedIn(viewer);
  if (known.role === Role.STUDENT) throw forbidden('Only teachers and admins may do this.');
  return known;
}

/** Gives the error for a viewer who is known but may not do this. */
export function forbidden(message: string): AccessError {
  return new AccessError('FORBIDDEN', message);
}
