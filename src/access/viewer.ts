import { Role } from '../entities/index.js';

/** Is who asks, as the token says; `userId` is null for an admin's token that belongs to no user. */
export interface Viewer {
  readonly userId: number | null;
  readonly role: Role;
}

/** Is who works without a token, by a command or a schedule: whoever can reach the database may do everything. */
export const operator: Viewer = { userId: null, role: Role.ADMIN };
