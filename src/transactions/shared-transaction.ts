import type { Key } from '../entities/index.js';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../database/database.js';
import type { Release } from '../database/connections/connection-slots.js';
import { faultOf } from '../database/faults/fault-of.js';
import type { TimeLimit } from '../database/time-limits/time-limit.js';
import { waitingAnew } from '../database/time-limits/waits.js';
import { BatchBroken, LeftOut, resultOf, type BatchMember, type Prepared, type Settled } from './batch-member.js';
import { LostCommit } from './commit-outcome.js';
import { isRetryable } from './transaction-error.js';

/** The most changes that one transaction makes, so that none waits long for the others. */
export const MAX_BATCHED_CHANGES = 100;

/** The changes that one transaction makes. */
export interface Batch<Before> {
  /** The changes that have the turns of their courses, that of the transaction's own caller first. */
  readonly ready: readonly Before[];
  /**
   * Passes the turns of the ready changes on, once the courses are locked that could be, and returns all changes to
   * make: the caller's own first, with those that wait for the same courses. Ready changes with a course that is not
   * locked are left out. Errors: LeftOut if the caller's own is one of them.
   */
  readonly begin: (isLocked: (courseId: Key) => boolean) => readonly Before[];
}

/** The work of one transaction: what each change of the batch came to, that of its own caller first. */
export type BatchWork<Result, Before extends Prepared> = (
  em: SqlEntityManager,
  batch: Batch<Before>,
) => Promise<readonly Settled<Result>[]>;

/** The change for whose caller a transaction runs. */
export interface OwnChange<Before extends Prepared> {
  readonly prepared: Before;
  /** Passes the turn of its courses on. */
  readonly passOn: Release;
  readonly limit: TimeLimit | undefined;
  /** Called at the last moment at which the change can be stopped. */
  readonly noteCommit: () => void;
}

/** The transactions of a database that make the same kind of changes. */
interface SharedTransactionOptions<Result, Before extends Prepared> {
  readonly database: Database;
  readonly work: BatchWork<Result, Before>;
  /** Takes along the changes that wait for the same courses, at most `most`. */
  readonly takeAlong: (courses: readonly Key[], most: number) => readonly BatchMember<Result>[];
}

/** One transaction that makes a change for its own caller, and perhaps those of others. */
export class SharedTransaction<Result, Before extends Prepared> {
  readonly #members: BatchMember<Result>[];
  #isCommitting = false;
  #done: readonly Settled<Result>[] | undefined;

  /** `ready` are the changes of others that have the turns of their courses too. */
  constructor(
    private readonly options: SharedTransactionOptions<Result, Before>,
    private readonly own: OwnChange<Before>,
    private readonly ready: readonly BatchMember<Result>[],
  ) {
    this.#members = [...ready];
  }

  /**
   * Makes the changes, and tells the members their outcomes. Returns the result of the caller's own change. Errors: its
   * own; LeftOut or BatchBroken if it is to be made alone; LostCommit.
   */
  async run(): Promise<Result> {
    const { database, work } = this.options;
    const { prepared } = this.own;
    const em = database.em.fork({ cloneEventManager: true });
    em.getEventManager().registerSubscriber({ beforeTransactionCommit: () => this.#commit() });
    const batch: Batch<Before> = {
      ready: [prepared, ...this.ready.map(({ change }) => change as Before)],
      begin: isLocked => this.#begin(isLocked),
    };
    try {
      await em.transactional(async inner => {
        const settled = await waitingAnew(() => work(inner as SqlEntityManager, batch));
        // Alone, it has nothing to save.
        if (this.#members.length === 0) resultOf(settled[0]!);
        this.#done = settled;
      });
    } catch (error) {
      throw this.#failed(error);
    }
    for (const [place, member] of this.#members.entries()) member.settle(this.#done![place + 1]!);
    return resultOf(this.#done![0]!);
  }

  #begin(isLocked: (courseId: Key) => boolean): Before[] {
    const { prepared, passOn } = this.own;
    const isWhole = ({ courses }: Prepared): boolean => this.ready.length === 0 || courses.every(isLocked);
    if (!isWhole(prepared)) throw new LeftOut();
    const members = this.#members;
    members.length = 0;
    for (const one of this.ready)
      if (isWhole(one.change)) members.push(one);
      else one.fail(new LeftOut());
    for (const { courses } of [prepared, ...members.map(({ change }) => change)])
      members.push(...this.options.takeAlong(courses, MAX_BATCHED_CHANGES - 1 - members.length));
    passOn();
    for (const one of members) one.passOn();
    return [prepared, ...members.map(({ change }) => change as Before)];
  }

  /** Begins the commit, unless the transaction has failed, which is the last moment at which it can be stopped. */
  #commit(): void {
    if (!this.#done) return;
    this.own.limit?.check();
    if (this.#members.some(({ hasLeft }) => hasLeft)) throw new BatchBroken('A caller waits no longer.');
    this.#isCommitting = true;
    this.own.noteCommit();
    for (const member of this.#members) member.noteCommit();
  }

  /** Tells the members that the transaction failed, and returns the error for the own caller. */
  #failed(error: unknown): unknown {
    const members = this.#members;
    if (this.#isCommitting && faultOf(error)?.atCommit === 'unknown') {
      const lost = (settled: Settled<Result>): unknown =>
        'error' in settled ? settled.error : new LostCommit(settled.result, error);
      for (const [place, member] of members.entries()) member.fail(lost(this.#done![place + 1]!));
      return lost(this.#done![0]!);
    }
    if (members.length === 0) return error;
    // A conflict is one of all. Any other error may be that of one, and the end of the time is the caller's own.
    const shared = isRetryable(error) || error instanceof LeftOut ? error : new BatchBroken(error);
    for (const member of members) member.fail(shared);
    return this.own.limit?.signal.aborted ? error : shared;
  }
}
