import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { Database } from '../dialect.js';

/** Returns why an SQLite file may not be written; null if it may. Errors: SQLite's. */
export async function reasonForNoChanges(database: Database): Promise<string | null> {
  await database.em.getConnection().execute('select 1');
  const path = database.config.get('dbName');
  if (path === undefined || path === ':memory:') return null;
  // A read-only file system refuses this to every user.
  return access(path, constants.W_OK).then(
    () => null,
    ({ code }: NodeJS.ErrnoException) => code!,
  );
}
