import { setImmediate } from 'node:timers/promises';
import { changing } from '../database/connections/purposes.js';
import type { Release } from '../database/connections/connection-slots.js';
import { WaitQueue } from '../database/connections/wait-queue.js';
import type { Database } from '../database/database.js';
import type { TimeLimit } from '../database/time-limits/time-limit.js';
import type { BatchMember } from './batch-member.js';

/**
 * The most transactions of ready changes that are under way at once: while the database commits one, this process works
 * on the next one. With more, each would make fewer changes.
 */
export const MAX_SHARED_TRANSACTIONS = 2;

/**
 * The time after which a transaction that is still under way keeps no others waiting, in milliseconds: something in the
 * database keeps it waiting, which need not concern the others.
 */
export const MAX_SHARED_TRANSACTION_MS = 100;

/** The changes of others that one transaction makes too. */
export interface SharedWork {
  readonly others: readonly BatchMember[];
  /** Makes room for the next transaction; a second call does nothing. */
  readonly end: Release;
}

/**
 * The changes of this process that have the turns of their courses and are about to begin. A few transactions are under
 * way at once; the changes that become ready meanwhile are made together by the next one. A busy process would
 * otherwise spend most of its time on transactions of one change each, whose commits the database has to make one by
 * one.
 *
 * If no transaction is under way, none waits: one turn of the event loop is what it takes to see which are ready.
 */
export class ReadyChanges {
  readonly #queue = new WaitQueue<BatchMember>('connection', changing);
  #isGathering = false;
  #underWay = 0;

  /** The number of changes that wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Returns the other changes of the same kind that the transaction of this one makes too, at most `most`; null: the
   * transaction of another one makes this one. Errors: those of WaitQueue.wait().
   */
  async gather(member: BatchMember, limit: TimeLimit | undefined, most: number): Promise<SharedWork | null> {
    if (this.#mayBegin()) this.#isGathering = true;
    else if (!(await this.#queue.wait(limit, member))) return null;
    await setImmediate();
    const others = this.#queue.takeAlong(({ kind }) => kind === member.kind, most);
    this.#isGathering = false;
    this.#underWay += 1;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(patience);
      this.#underWay -= 1;
      this.#admitNext();
    };
    const patience = setTimeout(end, MAX_SHARED_TRANSACTION_MS);
    this.#admitNext();
    // The own caller of one that has left knows already that it is not made.
    return { others: others.filter(({ hasLeft }) => !hasLeft), end };
  }

  #mayBegin(): boolean {
    return !this.#isGathering && this.#underWay < MAX_SHARED_TRANSACTIONS;
  }

  #admitNext(): void {
    if (this.#mayBegin()) this.#isGathering = this.#queue.admitNext();
  }
}

const readyInDatabases = new WeakMap<Database, ReadyChanges>();

/** Returns the changes of this process that are about to begin on a database. */
export function readyChangesOf(database: Database): ReadyChanges {
  const ready = readyInDatabases.get(database) ?? new ReadyChanges();
  readyInDatabases.set(database, ready);
  return ready;
}
