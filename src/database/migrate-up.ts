import { SqliteDriver } from '@mikro-orm/sql';
import pRetry from 'p-retry';
import type { Database } from './database.js';
import { requireOwnSchema } from './own-schema.js';

/** Is SQL for the name of the lock: locks belong to the server, and each of its databases needs its own. */
export const migrationLock = "concat('rollcall_migrations:', left(sha2(database(), 256), 32))";
/** Limits how long a process waits for another one's migrations, in seconds. */
const LOCK_WAIT = 120;

/**
 * Applies the migrations that are pending and gives their names, oldest first; safe while other processes do the same.
 * Errors: SchemaError, before anything is changed, where the database holds what our migrations did not make.
 *
 * MySQL and MariaDB commit each statement of a schema change at once, so there a named lock lets one process at a time
 * do it; a process that came too early for the lock finds tables that another one is making, and starts again.
 */
export function migrateUp(database: Database): Promise<string[]> {
  return pRetry(
    async () => {
      await makeDatabase(database);
      await requireOwnSchema(database);
      if ((await database.migrator.getPending()).length === 0) return [];
      return database.driver instanceof SqliteDriver ? applyAll(database) : underLock(database, () => applyAll(database));
    },
    { retries: 5, minTimeout: 50, factor: 2, randomize: true, shouldRetry: ({ error }) => isMadeByAnother(error) },
  );
}

/** Makes the database where it is missing; the lock needs one to connect to. */
async function makeDatabase(database: Database): Promise<void> {
  const dbName = database.config.get('dbName');
  try {
    await database.schema.ensureDatabase();
  } catch (error) {
    if (!isMadeByAnother(error as Error)) throw error;
    // MikroORM is left connected to the server's own database, from which it would have made this one.
    await database.reconnect({ dbName });
  }
}

/** Tells whether a database or table that was to be made is there already: MySQL's errors 1007 and 1050, SQLite's text. */
function isMadeByAnother(error: Error): boolean {
  return [1007, 1050].includes((error as { errno?: number }).errno ?? 0) || /^table .* already exists$/.test(error.message);
}

async function applyAll(database: Database): Promise<string[]> {
  return (await database.migrator.up()).map(({ name }) => name);
}

function underLock<Result>(database: Database, work: () => Promise<Result>): Promise<Result> {
  // A transaction keeps one connection, and the lock belongs to the connection.
  return database.em.fork().transactional(async em => {
    const [answer] = await em.execute<{ locked: number | null }[]>(`select get_lock(${migrationLock}, ?) as locked`, [LOCK_WAIT]);
    if (Number(answer?.locked) !== 1) throw new Error(`Another process has been migrating this database for ${LOCK_WAIT} seconds. Wait for it, then start again.`);
    try {
      return await work();
    } finally {
      await em.execute(`select release_lock(${migrationLock})`);
    }
  });
}
