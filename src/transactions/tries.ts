import { channel } from 'node:diagnostics_channel';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Span } from '@opentelemetry/api';
import pRetry from 'p-retry';
import pTimeout from 'p-timeout';
import type { Database } from '../database/database.js';
import { faultOf, isInterrupted } from '../database/faults/fault-of.js';
import type { Release } from '../database/connections/connection-slots.js';
import { forChange } from '../database/connections/purposes.js';
import { currentLimit, unlessStopped, withoutLimit, WorkStopped } from '../database/time-limits/time-limit.js';
import { waitingAnew, waitingUntil } from '../database/time-limits/waits.js';
import { WaitRefused } from '../database/connections/wait-queue.js';
import { courseQueuesOf } from './course-queues.js';
import { timeoutMessage } from './timeout-message.js';
import {
  isConflict,
  isConnectionLost,
  isRetryable,
  retryReason,
  TransactionError,
  unavailableMessage,
} from './transaction-error.js';

/**
 * What to do after a commit whose outcome is unknown, because the connection broke or the error does not tell it:
 * `repeat` the work, if doing it twice has the same effect as once, or find out whether the result exists.
 */
export type AfterLostCommit<Result> = 'repeat' | ((em: SqlEntityManager, result: Result) => Promise<boolean>);

/** What is determined for a transaction before it takes a connection. */
export interface Prepared {
  /** The ids of the courses that it will lock, whose turns it takes first (see course-queues.ts). */
  readonly courses: readonly number[];
}

/**
 * The channel of each transaction that is run again, with the error of the previous try and the pause, in milliseconds:
 * `{ error, pause }`.
 */
export const transactionRetries = channel('rollcall:transaction-retry');

/** The channel of each deadlock that ended a transaction, whether that is run again or not: `{ error }`. */
export const deadlocks = channel('rollcall:deadlock');

/** The result of work whose commit was not answered, or answered with an error that does not tell its outcome. */
class LostCommit<Result> extends Error {
  constructor(
    readonly result: Result,
    override readonly cause: unknown,
  ) {
    super('A commit failed in a way that does not tell whether it took place.', { cause });
  }
}

/** The longest time that a transaction is tried again after conflicts and waits for its turns, in milliseconds. */
const MAX_RETRY_MS = 10_000;

/**
 * The longest time after the end of the time limit that a sent commit may take to be answered, in milliseconds; then
 * its outcome is unknown.
 */
const MAX_COMMIT_WAIT_MS = 2000;

/** The tries of one transaction. */
export class Tries<Result, Before extends Prepared> {
  readonly #limit = currentLimit();
  readonly #begin = performance.now();
  readonly #end = this.#begin + MAX_RETRY_MS;
  #lost: LostCommit<Result> | undefined;
  #lastTrouble: unknown;
  #isCommitting = false;

  constructor(
    private readonly database: Database,
    private readonly prepare: () => Promise<Before>,
    private readonly work: (em: SqlEntityManager, prepared: Before, isLocked: Release) => Promise<Result>,
    private readonly afterLostCommit: AfterLostCommit<Result> | undefined,
    private readonly span: Span,
  ) {}

  async outcome(): Promise<Result> {
    try {
      const result = await this.#unlessStopped(this.#tries());
      this.#limit?.noteCommit();
      return result;
    } catch (error) {
      const told = this.#callerError(error);
      if (told instanceof TransactionError && told.code === 'COMMIT_UNKNOWN') this.#limit?.noteCommit();
      throw told;
    }
  }

  /**
   * Returns the result of the tries. Errors: WorkStopped if the limit ends before a commit was sent; CommitNotAnswered.
   */
  async #unlessStopped(tries: Promise<Result>): Promise<Result> {
    const limit = this.#limit;
    if (!limit) return tries;
    try {
      return await unlessStopped(tries, limit);
    } catch (error) {
      if (!limit.signal.aborted || !this.#mayBeSaved) throw error;
      return await pTimeout(tries, {
        milliseconds: MAX_COMMIT_WAIT_MS,
        message: new CommitNotAnswered(limit.seconds),
      });
    }
  }

  /** True from the moment a commit is sent until its outcome is known. */
  get #mayBeSaved(): boolean {
    return this.#isCommitting || this.#lost !== undefined;
  }

  #tries(): Promise<Result> {
    return pRetry(() => this.#next(), {
      retries: 10,
      factor: 2,
      minTimeout: 5,
      maxTimeout: 1000,
      randomize: true,
      maxRetryTime: MAX_RETRY_MS,
      shouldRetry: ({ error }) => this.#isRetryable(error),
      onFailedAttempt: ({ error, retryDelay }) => {
        if (error instanceof LostCommit) this.#lost = error as LostCommit<Result>;
        if (isRetryable(error)) this.#lastTrouble = error;
        // There is a pause unless tries or time have run out.
        if (this.#isRetryable(error) && retryDelay > 0) {
          transactionRetries.publish({ error, pause: retryDelay });
          this.span.addEvent('retry', { reason: retryReason(error), 'pause.ms': retryDelay });
        }
        if (retryReason(error) === 'deadlock') deadlocks.publish({ error });
      },
    });
  }

  #isRetryable(error: unknown): boolean {
    if (!(error instanceof LostCommit)) return isRetryable(error);
    return (
      typeof this.afterLostCommit === 'function' || (this.afterLostCommit === 'repeat' && isRetryable(error.cause))
    );
  }

  async #next(): Promise<Result> {
    const lost = this.#lost;
    if (lost && typeof this.afterLostCommit === 'function') {
      const look = this.afterLostCommit;
      // In a transaction, so that it can lock what it reads, and so wait for a commit that is still under way. Without
      // the limit: whether something is saved must be found out even when time is over.
      if (
        await withoutLimit(() => this.database.em.fork().transactional(em => look(em as SqlEntityManager, lost.result)))
      )
        return lost.result;
      this.#lost = undefined;
      if (!isRetryable(lost.cause)) throw lost.cause;
    }
    this.#isCommitting = false;
    this.#limit?.check();
    const now = performance.now();
    const attempt = (): Promise<Result> => waitingUntil(this.#end, () => this.#inTurn(), this.#begin);
    // After a conflict the caller is told of it in time, even if the work then waits for another lock.
    return this.#limit && this.#lastTrouble !== undefined
      ? this.#limit.withinPart(Math.max(1, this.#end - now), attempt)
      : attempt();
  }

  /** Takes the turns of the courses, and then a connection. */
  async #inTurn(): Promise<Result> {
    const prepared = await forChange(() => this.prepare());
    const release = await courseQueuesOf(this.database).take(prepared.courses, this.#limit);
    try {
      return await this.#attempt(prepared, release);
    } finally {
      release();
    }
  }

  async #attempt(prepared: Before, release: Release): Promise<Result> {
    const em = this.database.em.fork({ cloneEventManager: true });
    let done: { result: Result } | undefined;
    em.getEventManager().registerSubscriber({
      beforeTransactionCommit: () => {
        if (!done) return;
        // The last moment at which it can be stopped, and the caller told so.
        this.#limit?.check();
        this.#isCommitting = true;
      },
    });
    try {
      return await em.transactional(async inner => {
        const result = await waitingAnew(() => this.work(inner as SqlEntityManager, prepared, release));
        done = { result };
        return result;
      });
    } catch (error) {
      const isLost = this.#isCommitting && faultOf(error)?.atCommit === 'unknown';
      if (!isLost) this.#isCommitting = false;
      throw isLost ? new LostCommit(done!.result, error) : error;
    }
  }

  /** Returns the error that the caller is told, with the one of the database as its cause. */
  #callerError(error: unknown): unknown {
    const limit = this.#limit;
    if (error instanceof CommitNotAnswered)
      return new TransactionError('COMMIT_UNKNOWN', error.message, { cause: error });
    if (this.#lost) {
      const what = isConnectionLost(this.#lost.cause) ? 'went away' : 'failed';
      return new TransactionError(
        'COMMIT_UNKNOWN',
        `The database ${what} during a commit, and it is not known whether the change was saved. Check before you try again.`,
        { cause: error },
      );
    }
    if (error instanceof WorkStopped && error.reason === 'client_gone') return error;
    // A conflict that lasted until the time was over says more than the timeout itself.
    const cause =
      error instanceof WorkStopped ? (error.limit.refusal ?? limit?.refusal ?? this.#lastTrouble ?? error) : error;
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
}

/** The error of a commit that was not answered in time. */
class CommitNotAnswered extends Error {
  constructor(seconds: number) {
    super(
      `The database did not confirm the commit within the ${seconds} s that a request may take (REQUEST_TIMEOUT), so it is not known whether the change was saved. Check before you try again.`,
    );
  }
}
