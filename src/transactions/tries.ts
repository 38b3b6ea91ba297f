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
import { BatchBroken, BatchMember, LeftOut, resultOf, type Settled } from './batch-member.js';
import { courseQueuesOf } from './course-queues.js';
import { readyChangesOf } from './ready-changes.js';
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

/** The most changes that one transaction makes, so that none waits long for the others. */
const MAX_BATCH = 100;

/** The changes that one transaction makes. */
export interface Batch<Before> {
  /** The changes that have the turns of their courses, that of the transaction's own caller first. */
  readonly ready: readonly Before[];
  /**
   * Passes the turns of the ready changes on, once the courses are locked that could be, and returns all changes to
   * make: the caller's own first, with those that wait for the same courses. Ready changes with a course that is not
   * locked are left out. Errors: LeftOut if the caller's own is one of them.
   */
  readonly begin: (isLocked: (courseId: number) => boolean) => readonly Before[];
}

/** The work of one try: what each change of the batch came to, that of this transaction's own caller first. */
export type Work<Result, Before extends Prepared> = (
  em: SqlEntityManager,
  batch: Batch<Before>,
) => Promise<readonly Settled<Result>[]>;

/** The tries of one transaction. */
export class Tries<Result, Before extends Prepared> {
  readonly #limit = currentLimit();
  readonly #begin = performance.now();
  readonly #end = this.#begin + MAX_RETRY_MS;
  #lost: LostCommit<Result> | undefined;
  #lastTrouble: unknown;
  #isCommitting = false;
  #isAlone: boolean;

  constructor(
    private readonly database: Database,
    private readonly prepare: () => Promise<Before>,
    private readonly work: Work<Result, Before>,
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
    const attempt = (): Promise<Result> => waitingUntil(this.#end, () => this.#unlessBroken(), this.#begin);
    // After a conflict the caller is told of it in time, even if the work then waits for another lock.
    return this.#limit && this.#lastTrouble !== undefined
      ? this.#limit.withinPart(Math.max(1, this.#end - now), attempt)
      : attempt();
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

  /** Takes the turns of the courses, and then a connection; or waits for the transaction that takes the change along. */
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
      const others = await readyChangesOf(this.database).gather(member as BatchMember, MAX_BATCH - 1);
      return await (others
        ? this.#attempt(prepared, release, others as BatchMember<Result>[])
        : this.#takenAlong(member));
    } catch (error) {
      if (!(error instanceof LeftOut)) throw error;
      this.#isCommitting = false;
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

  async #attempt(prepared: Before, release: Release, ready: readonly BatchMember<Result>[] = []): Promise<Result> {
    const em = this.database.em.fork({ cloneEventManager: true });
    const members = [...ready];
    const begin = (isLocked: (courseId: number) => boolean): Before[] => {
      const isWhole = ({ courses }: Prepared): boolean => ready.length === 0 || courses.every(isLocked);
      if (!isWhole(prepared)) throw new LeftOut();
      members.length = 0;
      for (const one of ready)
        if (isWhole(one.change)) members.push(one);
        else one.fail(new LeftOut());
      for (const { courses } of [prepared, ...members.map(({ change }) => change)])
        members.push(...this.#companions(courses, MAX_BATCH - 1 - members.length));
      for (const passOn of [release, ...members.map(one => one.passOn)]) passOn();
      return [prepared, ...members.map(({ change }) => change as Before)];
    };
    let done: readonly Settled<Result>[] | undefined;
    em.getEventManager().registerSubscriber({
      beforeTransactionCommit: () => {
        if (!done) return;
        // The last moment at which it can be stopped, and the caller told so.
        this.#limit?.check();
        if (members.some(({ hasLeft }) => hasLeft)) throw new BatchBroken('A caller waits no longer.');
        this.#isCommitting = true;
        for (const member of members) member.noteCommit();
      },
    });
    try {
      await em.transactional(async inner => {
        const settled = await waitingAnew(() =>
          this.work(inner as SqlEntityManager, {
            ready: [prepared, ...ready.map(({ change }) => change as Before)],
            begin,
          }),
        );
        // Alone, it has nothing to save.
        if (members.length === 0) resultOf(settled[0]!);
        done = settled;
      });
    } catch (error) {
      throw this.#failed(error, members, done);
    }
    for (const [place, member] of members.entries()) member.settle(done![place + 1]!);
    return resultOf(done![0]!);
  }

  #companions(courses: readonly number[], most: number): BatchMember<Result>[] {
    if (this.#isAlone) return [];
    return courseQueuesOf(this.database).takeAlong(this.kind!, courses, most) as BatchMember<Result>[];
  }

  /** Tells the members that a try failed, and returns the error for the own caller. */
  #failed(
    error: unknown,
    members: readonly BatchMember<Result>[],
    done: readonly Settled<Result>[] | undefined,
  ): unknown {
    if (this.#isCommitting && faultOf(error)?.atCommit === 'unknown') {
      const lost = (settled: Settled<Result>): unknown =>
        'error' in settled ? settled.error : new LostCommit(settled.result, error);
      for (const [place, member] of members.entries()) member.fail(lost(done![place + 1]!));
      return lost(done![0]!);
    }
    this.#isCommitting = false;
    if (members.length === 0) return error;
    // A conflict is one of all of them. Any other error may be that of one, and the end of the time is the caller's own.
    const shared = isRetryable(error) || error instanceof LeftOut ? error : new BatchBroken(error);
    for (const member of members) member.fail(shared);
    return this.#limit?.signal.aborted ? error : shared;
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
