import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Release } from '../database/connections/connection-slots.js';
import type { Database } from '../database/database.js';
import { inSpan } from '../database/tracing/tracing.js';
import { Tries, type AfterLostCommit, type Prepared } from './tries.js';

export { deadlocks, transactionRetries, type AfterLostCommit, type Prepared } from './tries.js';

/**
 * Runs work in a transaction of its own, in a fresh fork. It is run again in another one after a conflict, a broken
 * connection, or a database that took no changes or no more connections: at most 10 more times within 10 seconds, with
 * random pauses. All other errors reach the caller at once.
 *
 * Waiting for a connection, or for the turn of a course, counts in that time and is not restarted: it would only lose
 * its place in the queue.
 *
 * When the time limit in force ends, the caller is told at once, and nothing is saved: no statement starts, the running
 * one is killed, and the transaction is rolled back in the background. A commit that was sent is not stopped: its
 * answer is awaited for two seconds, because only that says what is saved.
 *
 * Errors: RETRY_LATER if the conflicts continue, DATABASE_UNAVAILABLE if the database stays away or cannot be used,
 * DATABASE_FULL if it has no room, REQUEST_TIMEOUT if the time limit ended, COMMIT_UNKNOWN if the outcome of a commit
 * is unknown and `afterLostCommit` does not say how to find out.
 */
export function inTransaction<Result>(
  database: Database,
  work: (em: SqlEntityManager) => Promise<Result>,
  afterLostCommit?: AfterLostCommit<Result>,
): Promise<Result> {
  return inPreparedTransaction(database, () => Promise.resolve({ courses: [] }), work, afterLostCommit);
}

/**
 * Runs work that locks courses, as inTransaction() does. Before each try `prepare` determines the courses, and their
 * turns are taken. Work calls the given function once it has their locks, so that the next transaction can wait for
 * them meanwhile.
 */
export function inPreparedTransaction<Result, Before extends Prepared>(
  database: Database,
  prepare: () => Promise<Before>,
  work: (em: SqlEntityManager, prepared: Before, isLocked: Release) => Promise<Result>,
  afterLostCommit?: AfterLostCommit<Result>,
): Promise<Result> {
  return inSpan('transaction', span => new Tries(database, prepare, work, afterLostCommit, span).outcome());
}
