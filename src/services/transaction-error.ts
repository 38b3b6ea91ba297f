import { CounterError } from '../counters/index.js';
import { faultOf, type Fault } from '../database/database-errors.js';
import { NoTurn } from '../database/waiting-line.js';

/** Names how a transaction can end for good without being the caller's mistake; after all but the last, nothing was changed. */
export type TransactionErrorCode = NonNullable<Fault['told']> | 'COMMIT_UNKNOWN';

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

/** What a caller is told of a database that cannot be used, or takes no changes, by the kind of the error; of each other kind, the last. */
const unavailable: Partial<Record<Fault['kind'], string>> & { readonly other: string } = {
  disconnected: 'The database cannot be reached. Nothing was changed; try again.',
  stopped: 'The database cannot be reached. Nothing was changed; try again.',
  read_only: 'The database takes no changes now. Nothing was changed; try again later.',
  other: 'The database cannot be used now. Nothing was changed; try again later.',
};

/** Returns what a caller is told of a fault of the database before which nothing was changed. */
export function unavailableMessage({ kind, told }: Fault): string {
  return told === 'DATABASE_FULL' ? 'The database has no room for changes. Nothing was changed; try again later.' : (unavailable[kind] ?? unavailable.other);
}

/** Tells whether an error means that other transactions were in the way, and the same one can succeed when run again. */
export function isConflict(error: unknown): boolean {
  if (error instanceof NoTurn) return true;
  return error instanceof CounterError ? error.retryable : faultOf(error)?.told === 'RETRY_LATER';
}

/** Tells whether an error ended a transaction that can succeed when it is run again: others were in the way, or the database was not there for a moment. */
export function isToRunAgain(error: unknown): boolean {
  return error instanceof CounterError ? error.retryable : (faultOf(error)?.again ?? false);
}

/** Lists why a transaction can end without being the caller's mistake, as metrics name it. */
export const conflictReasons = ['deadlock', 'lock_wait', 'moved', 'connection_lost', 'no_connection', 'read_only'] as const;

/** Maps the kinds of error after which a transaction is run again to those reasons; what is left out is a connection that was lost, or not had. */
const reasons: Partial<Record<Fault['kind'], (typeof conflictReasons)[number]>> = {
  deadlock: 'deadlock',
  lock_wait: 'lock_wait',
  changed: 'moved',
  crowded: 'no_connection',
  read_only: 'read_only',
};

/**
 * Gives why a transaction ended: a deadlock, a lock that was not had in time, a row or snapshot that others have changed
 * meanwhile, a database that has no connection left or takes no changes, or, for all else that is run again, a lost connection.
 */
export function reasonOf(error: unknown): (typeof conflictReasons)[number] {
  if (error instanceof CounterError) return 'moved';
  const fault = faultOf(error);
  return (fault && reasons[fault.kind]) ?? 'connection_lost';
}

/** Tells whether an error means that there is no connection to the database (any more), and that there may be one again in a moment. */
export function isConnectionLost(error: unknown): boolean {
  const { ended, again } = faultOf(error) ?? {};
  return again === true && (ended === 'connection' || ended === 'server');
}
