import type { Key } from '../entities/index.js';
import { channel } from 'node:diagnostics_channel';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Span } from '@opentelemetry/api';
import pRetry from 'p-retry';
import pTimeout from 'p-timeout';
import type { Database } from '../database/database.js';
import type { Release } from '../database/connections/connection-slots.js';
import { forChange } from '../database/connections/purposes.js';
import { currentLimit, unlessStopped, withoutLimit } from '../database/time-limits/time-limit.js';
import { waitingUntil } from '../database/time-limits/waits.js';
import { BatchBroken, BatchMember, LeftOut, type Prepared } from './batch-member.js';
import { callerError } from './caller-error.js';
import { CommitNotAnswered, LostCommit } from './commit-outcome.js';
import { courseQueuesOf } from './course-queues.js';
import { readyChangesOf } from './ready-changes.js';
import { refusedRow } from './refused-row.js';
import { MAX_BATCHED_CHANGES, SharedTransaction, type BatchWork } from './shared-transaction.js';
import { isConflict, isRetryable, retryReason, TransactionError } from './transaction-error.js';

/**
 * What to do after a commit whose outcome is unknown, because the connection broke or the error does not tell it:
 * `repeat` the work, if doing it twice has the same effect as once, or find out whether the result exists.
 */
export type AfterLostCommit<Result> = 'repeat' | ((em: SqlEntityManager, result: Result) => Promise<boolean>);

/**
 * The channel of each transaction that is run again, with the error of the previous try and the pause, in milliseconds:
 * `{ error, pause }`.
 */
export const transactionRetries = channel('rollcall:transaction-retry');

/** The channel of each deadlock that ended a transaction, whether that is run again or not: `{ error }`. */
export const deadlocks = channel('rollcall:deadlock');

/**
 * The longest time that a transaction is tried again after conflicts and waits for its turns, in milliseconds; a caller
 * with a longer time limit waits for as long as that.
 */
const MAX_RETRY_MS = 10_000;

/**
 * How often a transaction is run again for which there was no database: callers learn that soon, because nobody knows
 * when there will be one. A conflict passes as soon as the other transaction ends.
 */
const MAX_RETRIES_WITHOUT_DATABASE = 10;

/**
 * The longest time after the end of the time limit that a sent commit may take to be answered, in milliseconds; then
 * its outcome is unknown.
 */
const MAX_COMMIT_WAIT_MS = 2000;

/** The tries of one transaction. */
export class Tries<Result, Before extends Prepared> {
  readonly #limit = currentLimit();
  readonly #begin = performance.now();
  /** The time for all tries, in milliseconds; a limit that ends sooner ends them too. */
  readonly #milliseconds = Math.max(MAX_RETRY_MS, this.#limit?.millisecondsLeft ?? 0);
  readonly #end = this.#begin + this.#milliseconds;
  #lost: LostCommit<Result> | undefined;
  #lastTrouble: unknown;
  #isCommitting = false;
  #isAlone: boolean;

  constructor(
    private readonly database: Database,
    private readonly prepare: () => Promise<Before>,
    private readonly work: BatchWork<Result, Before>,
    private readonly afterLostCommit: AfterLostCommit<Result> | undefined,
    private readonly span: Span,
    /** The transactions with the same kind can make each other's changes; each change is what was prepared. */
    private readonly kind?: object,
  ) {
    this.#isAlone = kind === undefined;
  }

  async outcome(): Promise<Result> {
    try {
      const result = await this.#unlessStopped(this.#tries());
      this.#limit?.noteCommit();
      return result;
    } catch (error) {
      const told = callerError(error, { limit: this.#limit, lost: this.#lost, lastTrouble: this.#lastTrouble });
      if (told instanceof TransactionError && told.code === 'COMMIT_UNKNOWN') this.#limit?.noteCommit();
      throw refusedRow(this.database, told);
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
      retries: Infinity,
      factor: 2,
      minTimeout: 5,
      maxTimeout: 1000,
      randomize: true,
      maxRetryTime: this.#milliseconds,
      shouldRetry: failed => this.#isRunAgain(failed),
      onFailedAttempt: failed => {
        const { error, retryDelay } = failed;
        if (error instanceof LostCommit) this.#lost = error as LostCommit<Result>;
        if (isRetryable(error)) this.#lastTrouble = error;
        // There is a pause unless the time is over.
        if (this.#isRunAgain(failed) && retryDelay > 0) {
          transactionRetries.publish({ error, pause: retryDelay });
          this.span.addEvent('retry', { reason: retryReason(error), 'pause.ms': retryDelay });
        }
        if (retryReason(error) === 'deadlock') deadlocks.publish({ error });
      },
    });
  }

  #isRunAgain({ error, retriesConsumed }: { readonly error: unknown; readonly retriesConsumed: number }): boolean {
    if (!isConflict(error) && retriesConsumed >= MAX_RETRIES_WITHOUT_DATABASE) return false;
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
    return waitingUntil(this.#end, () => this.#unlessBroken(), this.#begin);
  }

  /** Makes the change alone, if the batch in which it was made first was given up, or left it out. */
  async #unlessBroken(): Promise<Result> {
    try {
      return await this.#inTurn();
    } catch (error) {
      if (!(error instanceof BatchBroken || error instanceof LeftOut)) throw error;
      this.#isAlone = true;
      return await this.#inTurn();
    }
  }

  /** Takes the turns of the courses, and then a connection; or waits for the transaction that takes it along. */
  async #inTurn(): Promise<Result> {
    const prepared = await forChange(() => this.prepare());
    const member = this.#isAlone ? undefined : this.#memberWith(prepared);
    const release = await courseQueuesOf(this.database).take(prepared.courses, this.#limit, member as BatchMember);
    if (release === null) return this.#takenAlong(member!);
    try {
      // After a conflict it could meet the same one again because of the others, and each of them because of it.
      const isShared = member && this.#lastTrouble === undefined;
      return await (isShared ? this.#withOthers(prepared, release, member) : this.#attempt(prepared, release));
    } finally {
      release();
    }
  }

  /** Makes the change together with others that are ready too, in one transaction, which may be that of another one. */
  async #withOthers(prepared: Before, release: Release, member: BatchMember<Result>): Promise<Result> {
    member.passOn = release;
    try {
      const shared = await readyChangesOf(this.database).gather(
        member as BatchMember,
        this.#limit,
        MAX_BATCHED_CHANGES - 1,
      );
      if (!shared) return await this.#takenAlong(member);
      try {
        return await this.#attempt(prepared, release, shared.others as readonly BatchMember<Result>[]);
      } finally {
        shared.end();
      }
    } catch (error) {
      if (!(error instanceof LeftOut)) throw error;
      return await this.#attempt(prepared, release);
    }
  }

  #memberWith(prepared: Before): BatchMember<Result> {
    return new BatchMember(this.kind!, prepared, currentLimit(), () => {
      this.#isCommitting = true;
    });
  }

  async #takenAlong({ outcome }: BatchMember<Result>): Promise<Result> {
    const limit = currentLimit();
    try {
      return await unlessStopped(outcome, limit).catch((error: unknown) => {
        // Once the commit was sent, only its answer says what is saved.
        if (this.#isCommitting && limit?.signal.aborted && error === limit.signal.reason) return outcome;
        throw error;
      });
    } catch (error) {
      if (!(error instanceof LostCommit)) this.#isCommitting = false;
      throw error;
    }
  }

  /** Makes the change in one transaction, together with those of others that are ready, and those that wait behind them. */
  async #attempt(prepared: Before, passOn: Release, ready: readonly BatchMember<Result>[] = []): Promise<Result> {
    const { database, work, kind } = this;
    const takeAlong = (courses: readonly Key[], most: number): readonly BatchMember<Result>[] =>
      this.#isAlone ? [] : (courseQueuesOf(database).takeAlong(kind!, courses, most) as BatchMember<Result>[]);
    const noteCommit = (): void => {
      this.#isCommitting = true;
    };
    const own = { prepared, passOn, limit: this.#limit, noteCommit };
    try {
      return await new SharedTransaction({ database, work, takeAlong }, own, ready).run();
    } catch (error) {
      if (!(error instanceof LostCommit)) this.#isCommitting = false;
      throw error;
    }
  }
}
