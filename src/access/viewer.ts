import { Role, type Key } from '../entities/index.js';

/** The caller, according to the token; `userId` is null for an admin's token that belongs to no user. */
export interface Viewer {
  readonly userId: Key | null;
  readonly role: Role;
}

/**
 * The viewer of commands and schedules, which need no token: they can reach the database, so they may do everything.
 */
export const operator: Viewer = { userId: null, role: Role.ADMIN };
