import { faultWithin } from '../database/faults/fault-of.js';
import { NoTurn } from '../database/connections/waiting-line.js';
import { isToRunAgain, lasts, TransactionError } from '../transactions/transaction-error.js';

/**
 * Returns true for an error that can be gone in a moment: other transactions in the way, a database that cannot be used
 * now, a statement that somebody has killed, a commit whose outcome must be looked up. A missing privilege, say, stays.
 */
export function passes(error: unknown): boolean {
  if (error instanceof TransactionError && error.code === 'COMMIT_UNKNOWN') return true;
  const fault = faultWithin(error);
  if (fault?.callerCode != null) return !lasts(fault);
  return error instanceof TransactionError || error instanceof NoTurn || isToRunAgain(error);
}

/** Returns what a run keeps of the error that ended it: what it is and, where the database made it, what that says. */
export function toldOf(error: unknown): string {
  const fault = error instanceof TransactionError ? faultWithin(error) : null;
  const message = error instanceof Error ? error.message : String(error);
  return fault ? `${message} The database says: ${fault.message}` : message;
}
