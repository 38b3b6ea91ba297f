import { CounterError } from '../counters/index.js';
import type { Fault } from '../database/faults/fault.js';
import { faultOf } from '../database/faults/fault-of.js';
import { NoTurn } from '../database/connections/waiting-line.js';

/**
 * Names how a transaction can end for good without being the caller's mistake; after all but the last, nothing was
 * changed.
 */
export type TransactionErrorCode = NonNullable<Fault['callerCode']> | 'COMMIT_UNKNOWN';

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

/**
 * What callers are told of a trouble of the database, by its kind; what the database says itself, which may name users
 * and hosts, is for the log.
 */
const troubles: Partial<Record<Fault['kind'], string>> = {
  disconnected: 'The database cannot be reached.',
  stopped: 'The database cannot be reached.',
  crowded: 'The database takes no more connections now.',
  read_only: 'The database takes no changes now.',
  full: 'The database has no room for changes.',
  exhausted: 'The database has run out of memory or something else that it needs.',
  refused: 'The database refuses the user of this server.',
  denied: 'The database does not let this server do that.',
  broken: 'The database cannot read or write its files.',
};

/** Returns what callers are told has gone wrong with the database. */
export function troubleOf({ kind }: Fault): string {
  return troubles[kind] ?? 'The database cannot be used now.';
}

/** Returns what a caller is told of a fault of the database before which nothing was changed. */
export function unavailableMessage(fault: Fault): string {
  return `${troubleOf(fault)} Nothing was changed; ${lasts(fault) ? 'an operator must look into it' : faultIsShort(fault) ? 'try again' : 'try again later'}.`;
}

/**
 * Returns true for a fault that stays as it is until somebody does something about it: neither time nor other
 * connections help.
 */
export function lasts({ callerCode, isTransient }: Fault): boolean {
  return callerCode === 'DATABASE_UNAVAILABLE' && !isTransient;
}

function faultIsShort({ kind }: Fault): boolean {
  return kind === 'disconnected' || kind === 'stopped';
}

/**
 * Tells whether an error means that other transactions were in the way, and the same one can succeed when run again.
 */
export function isConflict(error: unknown): boolean {
  if (error instanceof NoTurn) return true;
  return error instanceof CounterError ? error.retryable : faultOf(error)?.callerCode === 'RETRY_LATER';
}

/**
 * Tells whether an error ended a transaction that can succeed when it is run again: others were in the way, or the
 * database was not there for a moment.
 */
export function isToRunAgain(error: unknown): boolean {
  return error instanceof CounterError ? error.retryable : (faultOf(error)?.isTransient ?? false);
}

/** Lists why a transaction can end without being the caller's mistake, as metrics name it. */
export const conflictReasons = [
  'deadlock',
  'lock_wait',
  'moved',
  'connection_lost',
  'no_connection',
  'read_only',
] as const;

/**
 * Maps the kinds of error after which a transaction is run again to those reasons; what is left out is a connection
 * that was lost, or not had.
 */
const reasons: Partial<Record<Fault['kind'], (typeof conflictReasons)[number]>> = {
  deadlock: 'deadlock',
  lock_wait: 'lock_wait',
  changed: 'moved',
  crowded: 'no_connection',
  read_only: 'read_only',
};

/**
 * Gives why a transaction ended: a deadlock, a lock that was not had in time, a row or snapshot that others have
 * changed meanwhile, a database that has no connection left or takes no changes, or, for all else that is run again, a
 * lost connection.
 */
export function retryReason(error: unknown): (typeof conflictReasons)[number] {
  if (error instanceof CounterError) return 'moved';
  const fault = faultOf(error);
  return (fault && reasons[fault.kind]) ?? 'connection_lost';
}

/**
 * Tells whether an error means that there is no connection to the database (any more), and that there may be one again
 * in a moment.
 */
export function isConnectionLost(error: unknown): boolean {
  const { ended, isTransient } = faultOf(error) ?? {};
  return isTransient === true && (ended === 'connection' || ended === 'server');
}
