import type { Role } from '../entities/index.js';

/** Is who asks, as the token says; `userId` is null for an admin's token that belongs to no user. */
export interface Viewer {
  readonly userId: number | null;
  readonly role: Role;
}
