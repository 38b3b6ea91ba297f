import { isConflict, isConnectionLost, TransactionError } from '../transaction-error.js';

/** Tells whether an error can be gone in a moment: other transactions in the way, or a database that is away. */
export function passes(error: unknown): boolean {
  return error instanceof TransactionError || isConflict(error) || isConnectionLost(error);
}
