import { isInterrupted } from '../../database/statement-limit.js';
import { isConflict, isConnectionLost, TransactionError } from '../transaction-error.js';

/** Returns true for an error that can be gone in a moment: other transactions in the way, a database that is away, a statement that somebody has killed. */
export function passes(error: unknown): boolean {
  return error instanceof TransactionError || isConflict(error) || isConnectionLost(error) || isInterrupted(error);
}
