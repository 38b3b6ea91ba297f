import { faultOf, isInterrupted } from '../database/faults/fault-of.js';
import { WaitRefused } from '../database/connections/wait-queue.js';
import { WorkStopped, type TimeLimit } from '../database/time-limits/time-limit.js';
import { CommitNotAnswered, type LostCommit } from './commit-outcome.js';
import { timeoutMessage } from './timeout-message.js';
import { isConflict, isConnectionLost, TransactionError, unavailableMessage } from './transaction-error.js';

/** What the tries of a transaction met before they ended. */
interface Met {
  readonly limit: TimeLimit | undefined;
  /** A commit whose outcome is still unknown. */
  readonly lost: LostCommit<unknown> | undefined;
  /** The last error after which the transaction was, or could have been, run again. */
  readonly lastTrouble: unknown;
}

/** Returns the error that the caller of a failed transaction is told, with the one of the database as its cause. */
export function callerError(error: unknown, { limit, lost, lastTrouble }: Met): unknown {
  if (error instanceof CommitNotAnswered)
    return new TransactionError('COMMIT_UNKNOWN', error.message, { cause: error });
  if (lost) {
    const what = isConnectionLost(lost.cause) ? 'went away' : 'failed';
    return new TransactionError(
      'COMMIT_UNKNOWN',
      `The database ${what} during a commit, and it is not known whether the change was saved. Check before you try again.`,
      { cause: error },
    );
  }
  if (error instanceof WorkStopped && error.reason === 'client_gone') return error;
  // A conflict that lasted until the time was over says more than the timeout itself.
  const cause = error instanceof WorkStopped ? (error.limit.refusal ?? limit?.refusal ?? lastTrouble ?? error) : error;
  if (cause instanceof WaitRefused && cause.thing === 'connection')
    return new TransactionError(
      'RETRY_LATER',
      'All connections of this server to the database were busy for too long. Nothing was changed; try again.',
      { cause },
    );
  if (isConflict(cause))
    return new TransactionError(
      'RETRY_LATER',
      'Other changes to the same rows kept conflicting with this one. Nothing was changed; try again.',
      { cause },
    );
  if (cause instanceof WorkStopped || isInterrupted(cause))
    return new TransactionError('REQUEST_TIMEOUT', timeoutMessage(limit), { cause });
  const fault = faultOf(cause);
  return fault?.callerCode ? new TransactionError(fault.callerCode, unavailableMessage(fault), { cause }) : error;
}
