import { shownKeysIn } from '../entities/index.js';
import { faultWithin } from '../database/faults/fault-of.js';
import { WaitRefused } from '../database/connections/wait-queue.js';
import { isRetryable, isPermanent, TransactionError } from '../transactions/transaction-error.js';

/**
 * Returns true for an error that a retry may fix: lock conflicts, a database that is unavailable, a killed statement, a
 * commit whose outcome must be looked up. A missing privilege, for example, stays.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof TransactionError && error.code === 'COMMIT_UNKNOWN') return true;
  const fault = faultWithin(error);
  if (fault?.callerCode != null) return !isPermanent(fault);
  return error instanceof TransactionError || error instanceof WaitRefused || isRetryable(error);
}

/**
 * Returns what a run records of the error that ended it: its message and, if the database caused it, the database's
 * message.
 */
export function recordedMessage(error: unknown): string {
  const fault = error instanceof TransactionError ? faultWithin(error) : null;
  const message = error instanceof Error ? error.message : String(error);
  return shownKeysIn(fault ? `${message} The database says: ${fault.message}` : message);
}
