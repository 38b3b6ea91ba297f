import type { SqlEntityManager } from '@mikro-orm/sql';
import { MigrationRefused } from '../../../migrations/migration-refused.js';
import { MIGRATION_WAIT_SECONDS } from '../../time-limits/migration-wait.js';
import type { Database } from '../dialect.js';
import { withIdleLimit, type IdleLimit } from './session-settings.js';

/** The name of the lock, in SQL. Locks belong to the server, and each of its databases needs its own. */
export const migrationLock = "concat('rollcall_migrations:', left(sha2(database(), 256), 32))";

/**
 * Runs work on MySQL or MariaDB while no other process runs such work on the same database. These servers commit each
 * statement of a schema change at once, so a transaction does not exclude the others. Errors: MigrationRefused if
 * another process takes too long.
 */
export function underMigrationLock<Result>(
  database: Database,
  idleLimit: IdleLimit,
  work: () => Promise<Result>,
): Promise<Result> {
  // A transaction keeps one connection, and the lock belongs to the connection.
  return database.em.fork().transactional(async em => {
    const [answer] = await em.execute<{ locked: number | null }[]>(`select get_lock(${migrationLock}, ?) as locked`, [
      MIGRATION_WAIT_SECONDS,
    ]);
    if (Number(answer?.locked) !== 1)
      throw new MigrationRefused(
        `Another process has been migrating this database for ${MIGRATION_WAIT_SECONDS} seconds. Wait for it, then start again.`,
      );
    try {
      // The migrations have connections of their own, and this one is idle while they run.
      return await withIdleLimit(em as SqlEntityManager, idleLimit, null, work);
    } finally {
      await em.execute(`select release_lock(${migrationLock})`);
    }
  });
}
