import { SqliteDriver, type SqlEntityManager } from '@mikro-orm/sql';
import pRetry from 'p-retry';
import type { Database } from '../database.js';
import { MIGRATION_WAIT_SECONDS, underMigrationLock } from './migration-lock.js';
import { findSchema, requireOwnSchema, type FoundSchema } from './own-schema.js';
import { requirePrivileges } from './migration-privileges.js';
import { isBusy } from '../dialects/sqlite/sqlite-file.js';

/** What else belongs to migrating. */
export interface Migrating {
  /** Called once with the names of the migrations that were applied, oldest first, where there are any. */
  readonly onApplied?: (names: readonly string[]) => void;
  /**
   * Fills a schema that was empty when this process began to migrate it. On SQLite the entity manager is in the
   * transaction of the migrations, so that both are there or neither; on MySQL and MariaDB it is in none.
   */
  readonly fill?: (em: SqlEntityManager) => Promise<void>;
  /** Whether triggers are to be made for the tables, for which the user needs privileges too. */
  readonly withTriggers?: boolean;
}

/** How often a process looks again that met another one's work half done. */
const MAX_LOOKS = 6;

/**
 * Applies the migrations that are pending and gives their names, oldest first. Of several processes that start at once,
 * one migrates an empty schema and fills it, and the others wait for that and go on.
 *
 * Errors, before anything is changed: SchemaError where the database holds what our migrations did not make,
 * MissingPrivilegeError where its user may not apply them.
 */
export function migrateUp(database: Database, migrating: Migrating = {}): Promise<string[]> {
  const isOnFile = database.driver instanceof SqliteDriver;
  return pRetry(
    async () => {
      await makeDatabase(database);
      return isOnFile ? migrateFile(database, migrating) : migrateOnServer(database, migrating);
    },
    {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 50,
      maxTimeout: 1000,
      factor: 2,
      randomize: true,
      maxRetryTime: MIGRATION_WAIT_SECONDS * 1000,
      shouldRetry: ({ error, attemptNumber }) =>
        isMadeByAnother(error) ? attemptNumber < MAX_LOOKS : isOnFile && isHeldByAnother(error),
    },
  );
}

/** Looks, then migrates and fills within one transaction, for which all other processes wait. */
async function migrateFile(database: Database, { onApplied, fill }: Migrating): Promise<string[]> {
  // At one moment: another process may migrate the file between two of the statements.
  const found = await database.em.fork().transactional(em => requireOwnSchema(database, em), { readOnly: true });
  if (found.pending.length === 0) return [];
  // Makes the record, outside of the transaction, which would otherwise keep the migrator waiting for the only
  // connection.
  await database.migrator.getPending();
  return database.em.fork().transactional(async em => {
    const schema = await requireOwnSchema(database, em);
    if (schema.pending.length === 0) return [];
    const names = (await database.migrator.up({ transaction: em.getTransactionContext()! })).map(({ name }) => name);
    onApplied?.(names);
    if (wasEmpty(schema)) await fill?.(em);
    return names;
  });
}

/**
 * Looks, migrates and fills under the lock; without it where there is nothing to be done, by another process either.
 */
async function migrateOnServer(
  database: Database,
  { onApplied, fill, withTriggers = false }: Migrating,
): Promise<string[]> {
  const isDone = fill === undefined && (await findSchema(database)).pending.length === 0;
  if (isDone) {
    await requireOwnSchema(database);
    return [];
  }
  return underMigrationLock(database, async () => {
    const schema = await requireOwnSchema(database);
    if (schema.pending.length === 0) return [];
    await requirePrivileges(database, schema, withTriggers);
    const names = (await database.migrator.up()).map(({ name }) => name);
    onApplied?.(names);
    if (wasEmpty(schema)) await fill?.(database.em.fork());
    return names;
  });
}

/**
 * Returns true for a schema of ours in which no migration was ever completed: what one left that was interrupted has no
 * rows.
 */
function wasEmpty({ applied }: FoundSchema): boolean {
  return (applied ?? []).length === 0;
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

/**
 * Tells whether a database or table that was to be made is there already: MySQL's errors 1007 and 1050, SQLite's text.
 */
function isMadeByAnother(error: Error): boolean {
  return (
    [1007, 1050].includes((error as { errno?: number }).errno ?? 0) || /^table .* already exists$/.test(error.message)
  );
}

/** Returns true where another process keeps the file for itself, in whatever the ORM has wrapped that error. */
function isHeldByAnother(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { cause, previous } = error as { cause?: unknown; previous?: unknown };
  return isBusy(error) || isHeldByAnother(cause) || isHeldByAnother(previous);
}
