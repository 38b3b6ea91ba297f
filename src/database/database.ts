import { existsSync } from 'node:fs';
import { MikroORM } from '@mikro-orm/sql';
import type { CounterStrategy } from 'mikro-orm-counters';
import type { DatabaseMap } from '../map/map-form.js';
import { dialectOf, type Database, type Options } from './dialects/dialect.js';
import { ormOptions } from './orm-options.js';
import { dialectOfUrl, fileOf } from './texts/database-url.js';
import { shownPath } from './texts/shown-path.js';

export { dialectOf, type Database };

/**
 * Connects to the database of a URL, which is created if it is missing; with a map, to another application's, which
 * exists. Errors: NoDatabaseFile if that does not.
 */
export async function openDatabase(
  url: string,
  strategy: CounterStrategy = 'hooks',
  map: DatabaseMap | null = null,
): Promise<Database> {
  if (map !== null) requireFile(url);
  return opened(await ormOptions(url, strategy, map));
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
export async function openExistingDatabase(
  url: string,
  strategy: CounterStrategy = 'hooks',
  map: DatabaseMap | null = null,
): Promise<Database> {
  requireFile(url);
  return opened({ ...(await ormOptions(url, strategy, map)), ensureDatabase: false });
}

function requireFile(url: string): void {
  const file = fileOf(dialectOfUrl(url), url);
  if (file !== null && !existsSync(file)) throw new NoDatabaseFile(file);
}

/**
 * Connects to another application's database, without a map, only for reading. Errors: NoDatabaseFile; a server's errors
 * at the first query.
 */
export async function openToRead(url: string): Promise<Database> {
  requireFile(url);
  return opened({ ...(await ormOptions(url, 'hooks', null, 'read theirs')), ensureDatabase: false });
}

/**
 * Connects to another application's database, without a map, to add to it what Rollcall needs, or to take that away.
 * Errors: NoDatabaseFile; a server's errors at the first query.
 */
export async function openToAdopt(url: string): Promise<Database> {
  requireFile(url);
  return opened({ ...(await ormOptions(url, 'hooks', null, 'change theirs')), ensureDatabase: false });
}

async function opened(options: Options): Promise<Database> {
  const database = (await MikroORM.init(options as never)) as unknown as Database;
  // This sends nothing to a server. Without it the reader, which builds its SQL with this client, fails until something
  // else has been read.
  await database.em.getConnection().initClient();
  return database;
}
