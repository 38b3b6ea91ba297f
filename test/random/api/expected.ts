import { Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';
import type { School } from './school.js';
import { numberKey } from '../../support/keys.js';

/** The ids of the rows that an answer shows. */
export interface ShownRows {
  readonly course?: number;
  readonly from?: number;
  readonly to?: number;
  readonly enrollment?: number;
  readonly enrollments?: readonly number[];
  readonly user?: number;
  readonly deletedId?: number;
}

/** The expected answer of a mutation: an error's code, or the userErrors' codes and the change. */
export interface Expected {
  readonly error?: string;
  readonly codes: readonly string[];
  /** The number of new rows; only the answer has their ids. */
  readonly newRowCount: number;
  /**
   * Changes the model, given the ids of the new rows, and returns the rows that the answer shows; without it nothing is
   * changed or shown.
   */
  readonly change?: (ids: readonly number[]) => ShownRows;
}

/** Returns the expectation that a mutation is done. */
export function done(
  change: NonNullable<Expected['change']>,
  newRowCount = 0,
  codes: readonly string[] = [],
): Expected {
  return { codes, change, newRowCount };
}

/** Returns the expectation that a mutation is rejected with userErrors. */
export function rejected(...codes: readonly string[]): Expected {
  return { codes, newRowCount: 0 };
}

/** Returns the expectation that a mutation is rejected with an error. */
export function denied(error: 'UNAUTHENTICATED' | 'FORBIDDEN' | 'BAD_USER_INPUT'): Expected {
  return { error, codes: [], newRowCount: 0 };
}

/** Returns whether a viewer's token names a deleted user. */
export function isDeleted(school: School, viewer: Viewer | null): boolean {
  return viewer !== null && viewer.userId !== null && !school.users.has(numberKey(viewer.userId));
}

/** Denies access to anonymous viewers; null: the viewer has access. */
export function signedIn(viewer: Viewer | null): Expected | null {
  return viewer ? null : denied('UNAUTHENTICATED');
}

/** Denies access to all but teachers and admins; null: the viewer has access. */
export function staffOnly(viewer: Viewer | null): Expected | null {
  if (!viewer) return denied('UNAUTHENTICATED');
  return viewer.role === Role.STUDENT ? denied('FORBIDDEN') : null;
}

/** Denies access to all but admins; null: the viewer has access. */
export function adminOnly(viewer: Viewer | null): Expected | null {
  if (!viewer) return denied('UNAUTHENTICATED');
  return viewer.role === Role.ADMIN ? null : denied('FORBIDDEN');
}
