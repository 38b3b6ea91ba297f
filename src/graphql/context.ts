import type { Database } from '../database/database.js';
import type { Viewer } from '../services/viewer.js';
import { loadersFor, type Loaders } from './loaders.js';

/** Is what every resolver of one request shares. */
export interface Context {
  readonly database: Database;
  /** Is who asks; null: nobody is signed in. */
  readonly viewer: Viewer | null;
  readonly loaders: Loaders;
}

/** Makes the context of one request. */
export function contextFor(database: Database, viewer: Viewer | null): Context {
  return { database, viewer, loaders: loadersFor(database, viewer) };
}
