import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Release } from '../database/connections/connection-slots.js';
import type { Database } from '../database/database.js';
import { currentLimit, withinOwnLimit } from '../database/time-limits/time-limit.js';
import { inSpan } from '../database/tracing/tracing.js';
import { resultOf, type Prepared, type Settled } from './batch-member.js';
import { openTransactionOf } from './open-transaction.js';
import type { Batch } from './shared-transaction.js';
import { Tries, type AfterLostCommit } from './tries.js';

export { LeftOut, type Prepared, type Settled } from './batch-member.js';
export { deadlocks, transactionRetries, type AfterLostCommit } from './tries.js';

/** The time limit of a transaction of long work that has none, in seconds. */
const PATIENCE_SECONDS = 600;

/**
 * Runs a transaction of long work, such as an import, for which nobody waits on a line: after conflicts it goes on for ten
 * minutes, or for as long as the time limit in force says.
 */
export function patiently<Result>(transaction: () => Promise<Result>): Promise<Result> {
  return currentLimit() ? transaction() : withinOwnLimit(PATIENCE_SECONDS, transaction);
}

/**
 * Runs work in a transaction of its own, in a fresh fork. It is run again in another one after a conflict, a broken
 * connection, or a database that took no changes or no more connections, with random pauses, until the time limit in
 * force ends or, if that is longer, for 10 seconds; but at most 10 times where there was no database. All other errors
 * reach the caller at once.
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
  const open = openTransactionOf(database);
  if (open) return open.inSavepoint(async em => work(em, await prepare(), () => undefined));
  return inSpan('transaction', span =>
    new Tries<Result, Before>(
      database,
      prepare,
      async (em, { ready: [prepared], begin }) => [{ result: await work(em, prepared!, () => void begin(() => true)) }],
      afterLostCommit,
      span,
    ).outcome(),
  );
}

/** A kind of changes of which one transaction can make several, each for a caller of its own. */
export interface BatchKind<Change, Result> {
  /**
   * Locks the courses of the ready changes, and makes all changes that `begin` then returns, in their order. If there
   * are several, it waits for no lock, so that none waits for the course of another one. Returns what each came to, in
   * the same order. An error of one change is its outcome; what is thrown fails the whole transaction, and each change
   * is then made in one of its own.
   */
  readonly makeAll: (em: SqlEntityManager, batch: Batch<Change>) => Promise<readonly Settled<Result>[]>;
}

/**
 * Makes one change in a transaction, as inPreparedTransaction() runs work. Two groups of changes of the same kind are
 * made in one transaction: those that are ready at the same moment, of whatever courses, and those that wait for their
 * turn behind them meanwhile, for the same courses, in the order of their requests. On a course that many change at
 * once, and in a busy process, the commit is the cost. No change waits for others to come, only for some that are being
 * made (see ready-changes.ts).
 *
 * Each caller has its own time limit, outcome, and way to find out about a lost commit; a change that fails, or whose
 * caller leaves, does not fail the others.
 */
export function inBatch<Result, Change extends Prepared>(
  database: Database,
  kind: BatchKind<Change, Result>,
  prepare: () => Promise<Change>,
  afterLostCommit?: AfterLostCommit<Result>,
): Promise<Result> {
  const open = openTransactionOf(database);
  if (open)
    return open.inSavepoint(async em => {
      const change = await prepare();
      const [settled] = await kind.makeAll(em, { ready: [change], begin: () => [change] });
      return resultOf(settled!);
    });
  return inSpan('transaction', span =>
    new Tries<Result, Change>(
      database,
      prepare,
      (em, batch) => kind.makeAll(em, batch),
      afterLostCommit,
      span,
      kind,
    ).outcome(),
  );
}
