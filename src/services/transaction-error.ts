import { DeadlockException, LockWaitTimeoutException } from '@mikro-orm/core';
import { CounterError } from '../counters/index.js';
import { isBusy } from '../database/sqlite-file.js';

/** Names how a transaction can end for good without being the caller's mistake; after all but the last, nothing was changed. */
export type TransactionErrorCode = 'RETRY_LATER' | 'DATABASE_UNAVAILABLE' | 'REQUEST_TIMEOUT' | 'COMMIT_UNKNOWN';

/** Reports a transaction that did not go through; `cause` is the last error of the database. */
export class TransactionError extends Error {
  override readonly name = 'TransactionError';

  constructor(
    readonly code: TransactionErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Lists MySQL's and MariaDB's errors that mean "run the transaction again": a snapshot too old, a lock wait, a deadlock. */
const CONFLICTS = new Set([1020, 1205, 1213]);

/** Lists those that mean that the server ended the connection: a shutdown, a kill, an idle connection. */
const ENDED_BY_SERVER = new Set([1053, 1927, 4031]);

/** Tells whether an error means that other transactions were in the way, and the same one can succeed when run again. */
export function isConflict(error: unknown): boolean {
  if (error instanceof CounterError) return error.retryable;
  if (error instanceof DeadlockException || error instanceof LockWaitTimeoutException) return true;
  return isBusy(error) || CONFLICTS.has((error as { errno?: number } | null)?.errno ?? 0);
}

/** Lists why a transaction can end without being the caller's mistake, as metrics name it. */
export const conflictReasons = ['deadlock', 'lock_wait', 'moved', 'connection_lost'] as const;

/**
 * Gives why a transaction ended: a deadlock, a lock that was not had in time, a row or snapshot that others have changed
 * meanwhile, or, for all else that is run again, a lost connection.
 */
export function reasonOf(error: unknown): (typeof conflictReasons)[number] {
  const { errno } = (error ?? {}) as { errno?: number };
  if (error instanceof DeadlockException || errno === 1213) return 'deadlock';
  if (error instanceof LockWaitTimeoutException || errno === 1205 || isBusy(error)) return 'lock_wait';
  return isConflict(error) ? 'moved' : 'connection_lost';
}

/** Tells whether an error means that there is no connection to the database (any more). */
export function isConnectionLost(error: unknown): boolean {
  const { fatal, errno, code } = (error ?? {}) as { fatal?: boolean; errno?: number; code?: string };
  // mysql2 marks as fatal what ended a connection or kept it from being made; wrong credentials are not of this kind.
  return ENDED_BY_SERVER.has(errno ?? 0) || (fatal === true && code?.startsWith('ER_') !== true);
}
