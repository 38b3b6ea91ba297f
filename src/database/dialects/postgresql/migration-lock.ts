import type { SqlEntityManager } from '@mikro-orm/sql';
import { MigrationRefused } from '../../../migrations/migration-refused.js';
import { MIGRATION_WAIT_SECONDS } from '../../time-limits/migration-wait.js';
import type { Database } from '../dialect.js';
import { hasState } from './errors.js';
import { withIdleLimit } from './session-settings.js';

/** The key of the lock, in SQL. Such locks belong to one database. */
export const migrationLock = "hashtextextended('rollcall_migrations', 0)";

/**
 * Runs work on PostgreSQL while no other process runs such work on the same database. Errors: MigrationRefused if
 * another process takes too long.
 */
export function underMigrationLock<Result>(database: Database, work: () => Promise<Result>): Promise<Result> {
  // A transaction keeps one connection, and the lock ends with it.
  return database.em.fork().transactional(async em => {
    await em.execute(`set local lock_timeout = '${MIGRATION_WAIT_SECONDS}s'`, [], 'run');
    try {
      await em.execute(`select pg_advisory_xact_lock(${migrationLock})`);
    } catch (error) {
      if (!hasState(error, '55P03')) throw error;
      throw new MigrationRefused(
        `Another process has been migrating this database for ${MIGRATION_WAIT_SECONDS} seconds. Wait for it, then start again.`,
        { cause: error },
      );
    }
    // The migrations have connections of their own, and this one is idle while they run.
    return withIdleLimit(em as SqlEntityManager, null, work);
  });
}
