import { channel } from 'node:diagnostics_channel';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Span } from '@opentelemetry/api';
import pRetry from 'p-retry';
import type { Database } from '../database/database.js';
import { inSpan } from '../database/tracing.js';
import { isConflict, isConnectionLost, reasonOf, TransactionError } from './transaction-error.js';

/**
 * Says what to do when the connection broke while a commit was under way, so that nobody knows whether it took place:
 * `repeat` the work, where doing it twice is the same as once, or look whether the result is there.
 */
export type AfterLostCommit<Result> = 'repeat' | ((em: SqlEntityManager, result: Result) => Promise<boolean>);

/** Publishes each transaction that is run again, with the error that ended the one before and the pause, in milliseconds: `{ error, pause }`. */
export const transactionRetries = channel('rollcall:transaction-retry');

/** Publishes each deadlock that ended a transaction, whether that is run again or not: `{ error }`. */
export const deadlocks = channel('rollcall:deadlock');

/** Keeps the result of work whose commit was not answered. */
class LostCommit<Result> extends Error {
  constructor(
    readonly result: Result,
    override readonly cause: unknown,
  ) {
    super('The connection to the database broke during a commit.', { cause });
  }
}

/**
 * Runs work in one transaction of its own, in a fresh fork, and again in another where a conflict or a broken connection
 * ended it: at most 10 more times within 10 seconds, with random pauses. All other errors reach the caller at once.
 *
 * Errors: RETRY_LATER when the conflicts go on, DATABASE_UNAVAILABLE when the database stays away, COMMIT_UNKNOWN when a
 * commit was not answered and `afterLostCommit` does not say how to find out.
 */
export function inTransaction<Result>(
  database: Database,
  work: (em: SqlEntityManager) => Promise<Result>,
  afterLostCommit?: AfterLostCommit<Result>,
): Promise<Result> {
  return inSpan('transaction', span => tryInTransaction(span, database, work, afterLostCommit));
}

async function tryInTransaction<Result>(
  span: Span,
  database: Database,
  work: (em: SqlEntityManager) => Promise<Result>,
  afterLostCommit?: AfterLostCommit<Result>,
): Promise<Result> {
  let lost: LostCommit<Result> | undefined;
  const run = async (): Promise<Result> => {
    if (lost && typeof afterLostCommit === 'function') {
      const { result } = lost;
      const look = afterLostCommit;
      // In a transaction, so that the look can lock what it reads and so wait for a commit that still goes on.
      if (await database.em.fork().transactional(em => look(em as SqlEntityManager, result))) return result;
      lost = undefined;
    }
    return attempt(database, work);
  };
  const again = (error: unknown): boolean => (error instanceof LostCommit ? afterLostCommit !== undefined : isConflict(error) || isConnectionLost(error));
  try {
    return await pRetry(run, {
      retries: 10,
      factor: 2,
      minTimeout: 5,
      maxTimeout: 1000,
      randomize: true,
      maxRetryTime: 10_000,
      shouldRetry: ({ error }) => again(error),
      onFailedAttempt: ({ error, retryDelay }) => {
        if (error instanceof LostCommit) lost = error as LostCommit<Result>;
        // There is a pause unless tries or time have run out.
        if (again(error) && retryDelay > 0) {
          transactionRetries.publish({ error, pause: retryDelay });
          span.addEvent('retry', { reason: reasonOf(error), 'pause.ms': retryDelay });
        }
        if (reasonOf(error) === 'deadlock') deadlocks.publish({ error });
      },
    });
  } catch (error) {
    if (lost) throw new TransactionError('COMMIT_UNKNOWN', 'The database went away during a commit, and it could not be found out whether the change was saved. Look before you try again.', { cause: error });
    if (isConflict(error)) throw new TransactionError('RETRY_LATER', 'Other changes to the same rows kept getting in the way. Nothing was changed; try again.', { cause: error });
    if (isConnectionLost(error)) throw new TransactionError('DATABASE_UNAVAILABLE', 'The database cannot be reached. Nothing was changed; try again.', { cause: error });
    throw error;
  }
}

async function attempt<Result>(database: Database, work: (em: SqlEntityManager) => Promise<Result>): Promise<Result> {
  const em = database.em.fork({ cloneEventManager: true });
  let done: { result: Result } | undefined;
  let committing = false;
  em.getEventManager().registerSubscriber({
    beforeTransactionCommit: () => {
      committing = done !== undefined;
    },
  });
  try {
    return await em.transactional(async inner => {
      const result = await work(inner as SqlEntityManager);
      done = { result };
      return result;
    });
  } catch (error) {
    if (done && committing && isConnectionLost(error)) throw new LostCommit(done.result, error);
    throw error;
  }
}
