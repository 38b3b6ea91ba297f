import { DeadlockException, LockWaitTimeoutException, type TransactionOptions } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import pRetry from 'p-retry';
import { CounterError } from './errors.js';
import { dialectOf } from './sql/dialects/dialects.js';

/** The longest time for which a transaction is begun again, by default, in milliseconds. */
const MAX_RETRY_MS = 10_000;
/** The bounds of the first pause, which is random, and of the longest one, in milliseconds. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [5, 1000];

/** A try that ended with a conflict and is followed by another one. */
export interface TransactionRetry {
  readonly error: Error;
  /** The number of the try that failed, from 1. */
  readonly attempt: number;
  /** The time until the next try, in milliseconds. */
  readonly pause: number;
}

/** How to run a transaction again; MikroORM's own options of a transaction hold for each try. */
export interface RetryOptions extends Omit<TransactionOptions, 'ctx' | 'propagation' | 'ignoreNestedTransactions'> {
  /** The longest time for which a try may be followed by another one, in milliseconds; 10,000 by default. */
  readonly maxMilliseconds?: number;
  /** The function that is called before each pause, for logs and metrics. */
  readonly onRetry?: (retry: TransactionRetry) => void;
}

/**
 * Returns true for an error that ended a transaction because of other transactions, and left nothing of it: a deadlock,
 * a failed serialization, a wait for a lock that took too long, or COUNTER_CONFLICT. The same work can succeed in a new
 * transaction with freshly loaded entities.
 *
 * A lost connection is none of them: if it broke during the commit, nobody knows whether the work was saved.
 */
export function isConflict(em: SqlEntityManager, error: unknown): boolean {
  if (error instanceof CounterError) return error.retryable;
  if (error instanceof DeadlockException || error instanceof LockWaitTimeoutException) return true;
  return error instanceof Error && dialectOf(em).isConflict(error);
}

/**
 * Runs work in a transaction, and again after a conflict with other transactions, with growing random pauses. Each try
 * has a new entity manager, because after a rollback the entities no longer agree with the database. So the work must
 * load what it changes with the entity manager that it is given, and must not do twice what cannot be rolled back.
 *
 * Errors: what the work or the database throws; the last conflict where the time is over; COUNTER_TRANSACTION inside a
 * transaction, of which only the whole can be run again.
 */
export async function retryTransaction<Result>(
  em: SqlEntityManager,
  work: (em: SqlEntityManager, attempt: number) => Promise<Result>,
  { maxMilliseconds, onRetry, signal, ...options }: RetryOptions = {},
): Promise<Result> {
  if (em.isInTransaction())
    throw new CounterError(
      'COUNTER_TRANSACTION',
      'retryTransaction() was called inside a transaction, which a conflict ends as a whole. Call it outside, or use em.transactional() here and retryTransaction() for the outer one.',
    );
  return retried(
    em,
    attempt => em.fork().transactional(inner => work(inner, attempt), { ...options, ...(signal && { signal }) }),
    { maxMilliseconds, onRetry, signal },
  );
}

/** Runs work, and again after a conflict with transactions of others, with growing random pauses. */
export function retried<Result>(
  em: SqlEntityManager,
  work: (attempt: number) => Promise<Result>,
  {
    maxMilliseconds = MAX_RETRY_MS,
    onRetry,
    signal,
  }: Pick<RetryOptions, 'maxMilliseconds' | 'onRetry' | 'signal'> = {},
): Promise<Result> {
  if (!(maxMilliseconds >= 0)) throw new RangeError(`The time ${maxMilliseconds} is not a number of milliseconds.`);
  return pRetry(work, {
    retries: Number.POSITIVE_INFINITY,
    factor: 2,
    minTimeout: FIRST_PAUSE_MS,
    maxTimeout: LONGEST_PAUSE_MS,
    randomize: true,
    maxRetryTime: maxMilliseconds,
    ...(signal && { signal }),
    shouldRetry: ({ error }) => isConflict(em, error),
    onFailedAttempt: ({ error, attemptNumber, retryDelay }) => {
      if (retryDelay > 0 && isConflict(em, error)) onRetry?.({ error, attempt: attemptNumber, pause: retryDelay });
    },
  });
}
