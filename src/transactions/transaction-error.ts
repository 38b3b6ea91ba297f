import { CounterError } from 'mikro-orm-counters';
import type { Fault } from '../database/faults/fault.js';
import { faultOf } from '../database/faults/fault-of.js';
import { WaitRefused } from '../database/connections/wait-queue.js';

/**
 * The final failures of a transaction that are not the caller's mistake; after all but the last, nothing was changed.
 */
export type TransactionErrorCode = NonNullable<Fault['callerCode']> | 'COMMIT_UNKNOWN';

/** The error of a transaction that failed; `cause` is the last error of the database. */
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

/**
 * The messages for a fault of the database, by its kind; the database's own message, which may name users and hosts, is
 * for the log.
 */
const troubles: Partial<Record<Fault['kind'], string>> = {
  disconnected: 'The database cannot be reached.',
  stopped: 'The database cannot be reached.',
  crowded: 'The database accepts no more connections now.',
  read_only: 'The database accepts no changes now.',
  full: 'The database has no room for changes.',
  exhausted: 'The database has run out of memory or something else that it needs.',
  refused: 'The database refuses the user of this server.',
  denied: 'The database does not allow this server to do that.',
  broken: 'The database cannot read or write its files.',
};

/** Returns the message for what has gone wrong with the database. */
export function troubleOf({ kind }: Fault): string {
  return troubles[kind] ?? 'The database cannot be used now.';
}

/** Returns the message for a fault of the database before which nothing was changed. */
export function unavailableMessage(fault: Fault): string {
  return `${troubleOf(fault)} Nothing was changed; ${isPermanent(fault) ? 'an operator must look into it' : faultIsShort(fault) ? 'try again' : 'try again later'}.`;
}

/** Returns true for a fault that stays until an operator fixes it: neither time nor other connections help. */
export function isPermanent({ callerCode, isTransient }: Fault): boolean {
  return callerCode === 'DATABASE_UNAVAILABLE' && !isTransient;
}

function faultIsShort({ kind }: Fault): boolean {
  return kind === 'disconnected' || kind === 'stopped';
}

/**
 * Returns true for a conflict with other transactions, after which the same transaction can succeed if it is run again.
 */
export function isConflict(error: unknown): boolean {
  if (error instanceof WaitRefused) return true;
  return error instanceof CounterError ? error.retryable : faultOf(error)?.callerCode === 'RETRY_LATER';
}

/**
 * Returns true for an error after which a transaction can succeed if it is run again: a conflict, or a database that
 * was unavailable for a moment.
 */
export function isRetryable(error: unknown): boolean {
  return error instanceof CounterError ? error.retryable : (faultOf(error)?.isTransient ?? false);
}

/** The reasons why a transaction can fail without being the caller's mistake, as metrics name them. */
export const conflictReasons = [
  'deadlock',
  'lock_wait',
  'moved',
  'connection_lost',
  'no_connection',
  'read_only',
] as const;

/**
 * The reasons by the kinds of error after which a transaction is run again; those left out are lost or missing
 * connections.
 */
const reasons: Partial<Record<Fault['kind'], (typeof conflictReasons)[number]>> = {
  deadlock: 'deadlock',
  lock_wait: 'lock_wait',
  changed: 'moved',
  crowded: 'no_connection',
  read_only: 'read_only',
};

/**
 * Returns why a transaction failed: a deadlock, a lock wait that took too long, a row or snapshot that was changed
 * meanwhile, a database that has no connection left or takes no changes or, for any other error that is run again, a
 * lost connection.
 */
export function retryReason(error: unknown): (typeof conflictReasons)[number] {
  if (error instanceof CounterError) return 'moved';
  const fault = faultOf(error);
  return (fault && reasons[fault.kind]) ?? 'connection_lost';
}

/** Returns true if there is no connection to the database (any more), but there may be one in a moment. */
export function isConnectionLost(error: unknown): boolean {
  const { ended, isTransient } = faultOf(error) ?? {};
  return isTransient === true && (ended === 'connection' || ended === 'server');
}
