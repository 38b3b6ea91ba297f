import { DeadlockException, LockWaitTimeoutException } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import pRetry from 'p-retry';
import { CounterError } from '../counters/index.js';
import type { Database } from '../database/database.js';

/** Lists MySQL's and MariaDB's error numbers that mean "run the transaction again": snapshot too old, lock wait, deadlock. */
const RETRYABLE_ERRNO = new Set([1020, 1205, 1213]);

/**
 * Runs work in one transaction of its own, in a fresh fork, and again in another when the database chose it as the victim
 * of a conflict: at most 10 more times and 10 seconds, with random pauses. All other errors reach the caller at once.
 */
export function inTransaction<Result>(database: Database, work: (em: SqlEntityManager) => Promise<Result>): Promise<Result> {
  return pRetry(() => database.em.fork().transactional(em => work(em as SqlEntityManager)), {
    retries: 10,
    factor: 2,
    minTimeout: 5,
    maxTimeout: 500,
    randomize: true,
    maxRetryTime: 10_000,
    shouldRetry: ({ error }) => isRetryable(error),
  });
}

/** Tells whether an error means that the same transaction can succeed when it is run again. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof CounterError) return error.retryable;
  if (error instanceof DeadlockException || error instanceof LockWaitTimeoutException) return true;
  return RETRYABLE_ERRNO.has((error as { errno?: number }).errno ?? 0);
}
