import { existsSync } from 'node:fs';
import { MikroORM } from '@mikro-orm/sql';
import type { CounterStrategy } from 'mikro-orm-counters';
import { dialectOf, type Database, type Options } from './dialects/dialect.js';
import { ormOptions } from './orm-options.js';
import { dialectOfUrl, fileOf } from './texts/database-url.js';
import { shownPath } from './texts/shown-path.js';

export { dialectOf, type Database };

/** Connects to the database of a URL; the database itself is created if it is missing. */
export async function openDatabase(url: string, strategy: CounterStrategy = 'hooks'): Promise<Database> {
  return opened(await ormOptions(url, strategy));
}

/** The error for a URL that names a file which does not exist. */
export class NoDatabaseFile extends Error {
  override readonly name = 'NoDatabaseFile';

  constructor(readonly path: string) {
    super(`There is no database file ${shownPath(path)}.`);
  }
}

/**
 * Connects to an existing database, only for reading, and creates none. Errors: NoDatabaseFile; a server's errors at
 * the first query.
 */
export async function openExistingDatabase(url: string, strategy: CounterStrategy = 'hooks'): Promise<Database> {
  const file = fileOf(dialectOfUrl(url), url);
  if (file !== null && !existsSync(file)) throw new NoDatabaseFile(file);
  return opened({ ...(await ormOptions(url, strategy)), ensureDatabase: false });
}

async function opened(options: Options): Promise<Database> {
  const database = (await MikroORM.init(options as never)) as unknown as Database;
  // This sends nothing to a server. Without it the reader, which builds its SQL with this client, fails until something
  // else has been read.
  await database.em.getConnection().initClient();
  return database;
}
