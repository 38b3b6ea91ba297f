import { faultOf } from '../../database/database-errors.js';
import { NoTurn } from '../../database/waiting-line.js';
import { isToRunAgain, TransactionError } from '../transaction-error.js';

/** Returns true for an error that can be gone in a moment: other transactions in the way, a database that cannot be used now, a statement that somebody has killed. */
export function passes(error: unknown): boolean {
  return error instanceof TransactionError || error instanceof NoTurn || isToRunAgain(error) || faultOf(error)?.told != null;
}
