import { Role } from '../entities/index.js';
import type { Viewer } from '../services/viewer.js';

/** Is who runs commands: an admin, for whoever can run them can reach the database anyway. */
export const operator: Viewer = { userId: null, role: Role.ADMIN };
