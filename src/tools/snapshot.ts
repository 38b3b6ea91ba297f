import { IsolationLevel } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { dialectOf, type Database } from '../database/database.js';

/**
 * Reads in one read-only transaction, page after page, what one moment has: MySQL's and MariaDB's REPEATABLE READ and
 * SQLite's WAL give all of its reads the snapshot of the first, and hold up no writer. What the pages are written to
 * may be slow.
 */
export async function inSnapshot<Result>(
  database: Database,
  read: (em: SqlEntityManager) => Promise<Result>,
): Promise<Result> {
  const em = database.em.fork() as SqlEntityManager;
  // Not em.transactional(): what `read` does with entity managers would become part of it.
  await em.begin({ isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true });
  try {
    return await dialectOf(database).connections.withIdleLimit(em, null, () => read(em));
  } finally {
    await em.rollback();
  }
}
