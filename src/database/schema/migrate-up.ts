import type { SqlEntityManager } from '@mikro-orm/sql';
import pRetry from 'p-retry';
import { dialectOf, type Database } from '../database.js';
import { MIGRATION_WAIT_SECONDS } from '../time-limits/migration-wait.js';
import { findSchema, requireOwnSchema, type FoundSchema } from './own-schema.js';
import { requirePrivileges } from './migration-privileges.js';

/** Work around the migrations. */
interface Migrating {
  /** Called once with the names of the migrations that were applied, oldest first, if there were any. */
  readonly onApplied?: (names: readonly string[]) => void;
  /**
   * Fills a schema that was empty when this process began to migrate it. If schema changes belong to a transaction, the
   * entity manager is in that of the migrations, so that both are saved or neither; otherwise it is in none.
   */
  readonly fill?: (em: SqlEntityManager) => Promise<void>;
  /** Whether to check that the counting triggers can be created too, for which the user needs more privileges. */
  readonly withTriggers?: boolean;
}

/** The most times that a process examines a schema that another one is migrating. */
const MAX_LOOKS = 6;

/**
 * Applies the pending migrations and returns their names, oldest first. If several processes start at once, one
 * migrates an empty schema and fills it, and the others wait for that and continue.
 *
 * Errors, before anything is changed: SchemaError if the database contains what our migrations did not make,
 * MissingPrivilegeError if its user may not apply them.
 */
export function migrateUp(database: Database, migrating: Migrating = {}): Promise<string[]> {
  const { schema } = dialectOf(database);
  return pRetry(
    async () => {
      await makeDatabase(database);
      return schema.isTransactional ? migrateAtOnce(database, migrating) : migrateStepwise(database, migrating);
    },
    {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 50,
      maxTimeout: 1000,
      factor: 2,
      randomize: true,
      maxRetryTime: MIGRATION_WAIT_SECONDS * 1000,
      shouldRetry: ({ error, attemptNumber }) =>
        schema.isMadeByAnother(error) ? attemptNumber < MAX_LOOKS : schema.isHeldByAnother(error),
    },
  );
}

/** Examines, migrates and fills within one transaction, for which all other processes wait. */
async function migrateAtOnce(
  database: Database,
  { onApplied, fill, withTriggers = false }: Migrating,
): Promise<string[]> {
  // In one transaction, because another process may migrate the database between two of the statements.
  const found = await database.em.fork().transactional(em => requireOwnSchema(database, em), { readOnly: true });
  if (found.pending.length === 0) return [];
  await requirePrivileges(database, found, withTriggers);
  return dialectOf(database).schema.exclusively(database, async () => {
    // This creates the table of applied migrations, outside of the transaction, which would otherwise keep the migrator
    // waiting for the only connection.
    await database.migrator.getPending();
    return database.em.fork().transactional(async em => {
      const schema = await requireOwnSchema(database, em);
      if (schema.pending.length === 0) return [];
      const names = (await database.migrator.up({ transaction: em.getTransactionContext<unknown>() })).map(
        ({ name }) => name,
      );
      onApplied?.(names);
      if (wasEmpty(schema)) await fill?.(em);
      return names;
    });
  });
}

/**
 * Examines, migrates and fills while all other processes are excluded; without excluding them if there is nothing to be
 * done, not even by another process.
 */
async function migrateStepwise(
  database: Database,
  { onApplied, fill, withTriggers = false }: Migrating,
): Promise<string[]> {
  const isDone = fill === undefined && (await findSchema(database)).pending.length === 0;
  if (isDone) {
    await requireOwnSchema(database);
    return [];
  }
  return dialectOf(database).schema.exclusively(database, async () => {
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
 * Returns true for a schema of ours in which no migration was ever completed: what an interrupted one left has no rows.
 */
function wasEmpty({ applied }: FoundSchema): boolean {
  return (applied ?? []).length === 0;
}

/** Creates the database if it is missing; the lock needs one to connect to. */
async function makeDatabase(database: Database): Promise<void> {
  const dbName = database.config.get('dbName');
  try {
    await database.schema.ensureDatabase();
  } catch (error) {
    if (!dialectOf(database).schema.isMadeByAnother(error)) throw error;
    // MikroORM stays connected to the server's own database, from which it would have created this one.
    await database.reconnect({ dbName });
  }
}
