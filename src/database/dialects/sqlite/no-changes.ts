import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { Database } from '../dialect.js';

/** Asks an SQLite file, and returns why it may not be written; null: it may. Errors: SQLite's. */
export async function reasonForNoChanges(database: Database): Promise<string | null> {
  await database.em.getConnection().execute('select 1');
  const path = database.config.get('dbName');
  if (path === undefined || path === ':memory:') return null;
  // A file system that is read only refuses this to everybody.
  return access(path, constants.W_OK).then(
    () => null,
    ({ code }: NodeJS.ErrnoException) => code!,
  );
}
