import { Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';
import type { School } from './school.js';

/** Names, by id, the rows that an answer shows. */
export interface Shows {
  readonly course?: number;
  readonly from?: number;
  readonly to?: number;
  readonly enrollment?: number;
  readonly enrollments?: readonly number[];
  readonly user?: number;
  readonly deletedId?: number;
}

/** Is what the model says of a mutation: an error's code, or the userErrors' codes and the change that is made. */
export interface Verdict {
  readonly error?: string;
  readonly codes: readonly string[];
  /** Says how many rows are new; only the answer tells their ids. */
  readonly news: number;
  /**
   * Changes the model, given the ids of the new rows, and gives what the answer shows; without it nothing is changed or
   * shown.
   */
  readonly change?: (ids: readonly number[]) => Shows;
}

/** Says that a mutation must be done. */
export function done(change: NonNullable<Verdict['change']>, news = 0, codes: readonly string[] = []): Verdict {
  return { codes, change, news };
}

/** Says that a mutation must be refused with what the caller can fix. */
export function refused(...codes: readonly string[]): Verdict {
  return { codes, news: 0 };
}

/** Says that a mutation must be refused as a whole request. */
export function denied(error: 'UNAUTHENTICATED' | 'FORBIDDEN' | 'BAD_USER_INPUT'): Verdict {
  return { error, codes: [], news: 0 };
}

/** Returns whether a viewer's token names a user who is not in the school any more. */
export function isDeleted(school: School, viewer: Viewer | null): boolean {
  return viewer !== null && viewer.userId !== null && !school.users.has(viewer.userId);
}

/** Denies what only those may do who are signed in; null: they may. */
export function signedIn(viewer: Viewer | null): Verdict | null {
  return viewer ? null : denied('UNAUTHENTICATED');
}

/** Denies what only teachers and admins may do; null: they may. */
export function staffOnly(viewer: Viewer | null): Verdict | null {
  if (!viewer) return denied('UNAUTHENTICATED');
  return viewer.role === Role.STUDENT ? denied('FORBIDDEN') : null;
}

/** Denies what only admins may do; null: they may. */
export function adminOnly(viewer: Viewer | null): Verdict | null {
  if (!viewer) return denied('UNAUTHENTICATED');
  return viewer.role === Role.ADMIN ? null : denied('FORBIDDEN');
}
