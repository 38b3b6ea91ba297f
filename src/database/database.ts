import { existsSync } from 'node:fs';
import { MikroORM, SqliteDriver, type AbstractSqlDriver } from '@mikro-orm/sql';
import type { CounterStrategy } from '../counters/index.js';
import { databaseKind, type DatabaseKind } from './texts/database-url.js';
import { ormOptions, type Options } from './orm-options.js';
import { shownPath } from './texts/shown-text.js';

/** Is the ORM connected to one database of any of the three kinds. */
export type Database = MikroORM<AbstractSqlDriver>;

/** Gives the kind of database that is connected, as its URL names it. */
export function databaseKindOf({ driver, config }: Database): DatabaseKind {
  return driver instanceof SqliteDriver ? 'sqlite' : databaseKind(config.get('clientUrl')!);
}

/** Connects to the database that a URL names; the database itself is created where it is missing. */
export async function openDatabase(url: string, strategy: CounterStrategy = 'hooks'): Promise<Database> {
  return opened(await ormOptions(url, strategy));
}

/** Reports that the SQLite file which a URL names is not there. */
export class NoDatabaseFile extends Error {
  override readonly name = 'NoDatabaseFile';

  constructor(readonly path: string) {
    super(`There is no database file ${shownPath(path)}.`);
  }
}

/**
 * Connects likewise to a database that is there, and makes none: for what only looks. Errors: NoDatabaseFile; a
 * server's when it is first asked.
 */
export async function openExistingDatabase(url: string, strategy: CounterStrategy = 'hooks'): Promise<Database> {
  const path = databaseKind(url) === 'sqlite' ? url.slice('sqlite:'.length) : null;
  if (path !== null && path !== ':memory:' && !existsSync(path)) throw new NoDatabaseFile(path);
  return opened({ ...(await ormOptions(url, strategy)), ensureDatabase: false });
}

async function opened(options: Options): Promise<Database> {
  const database = (await MikroORM.init(options as never)) as unknown as Database;
  // It asks no server for anything; without it the reader, which builds its SQL by this client, fails until something
  // else has been read.
  await database.em.getConnection().initClient();
  return database;
}
