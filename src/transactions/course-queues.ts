import { sortedKeys, type Key } from '../entities/index.js';
import type { Database } from '../database/database.js';
import type { Release } from '../database/connections/connection-slots.js';
import { changing } from '../database/connections/purposes.js';
import { currentLimit, type TimeLimit } from '../database/time-limits/time-limit.js';
import { WaitQueue } from '../database/connections/wait-queue.js';
import type { BatchMember } from './batch-member.js';

/**
 * The queues in which the transactions of this process wait for the locks of courses. Of the transactions that change the
 * same course, one works, one waits for the lock in the database, and all others wait here. So they use at most two
 * connections, however many there are and whatever else holds the lock, and they are served in the order of their
 * requests. The one that gets the lock may take along the changes that wait behind it.
 *
 * Correctness does not depend on it: the lock in the database provides that, for all processes.
 */
export class CourseQueues {
  /** The queue of each course whose turn is taken. */
  readonly #queues = new Map<Key, WaitQueue<BatchMember>>();

  /** The number of transactions that wait. */
  get waiting(): number {
    let waiting = 0;
    for (const { length } of this.#queues.values()) waiting += length;
    return waiting;
  }

  /**
   * Takes the turns of some courses, in ascending order as locks are, so that there is no deadlock. Returns the function
   * that passes them on; null: another transaction of the same courses has taken the member along, and no turn is
   * taken. Errors: those of WaitQueue.wait(); then no turn is taken either.
   */
  async take(ids: readonly Key[], limit?: TimeLimit): Promise<Release>;
  async take(ids: readonly Key[], limit: TimeLimit | undefined, member?: BatchMember): Promise<Release | null>;
  async take(ids: readonly Key[], limit = currentLimit(), member?: BatchMember): Promise<Release | null> {
    const taken: Key[] = [];
    const release = (): void => taken.splice(0).forEach(id => this.#admitNext(id));
    try {
      for (const id of inOrder(ids)) {
        // All that change the same courses meet in the queue of the first one.
        if (!(await this.#takeTurn(id, limit, taken.length === 0 ? member : undefined))) return null;
        taken.push(id);
      }
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }

  /** Takes along the changes of a kind that have waited longest for the same courses, for the transaction whose turn it is. */
  takeAlong(kind: object, ids: readonly Key[], most: number): BatchMember[] {
    const [first, ...others] = inOrder(ids);
    const queue = first === undefined ? undefined : this.#queues.get(first);
    const courses = [first, ...others].join();
    return (
      queue?.takeAlong(member => member.kind === kind && inOrder(member.change.courses).join() === courses, most) ?? []
    );
  }

  async #takeTurn(id: Key, limit: TimeLimit | undefined, member: BatchMember | undefined): Promise<boolean> {
    limit?.check();
    const queue = this.#queues.get(id);
    if (queue) return queue.wait(limit, member);
    this.#queues.set(id, new WaitQueue('course', changing));
    return true;
  }

  #admitNext(id: Key): void {
    if (!this.#queues.get(id)!.admitNext()) this.#queues.delete(id);
  }
}

function inOrder(ids: readonly Key[]): Key[] {
  return sortedKeys(ids);
}

const queuesOfDatabases = new WeakMap<Database, CourseQueues>();

/** Returns the queues of this process for the courses of a database. */
export function courseQueuesOf(database: Database): CourseQueues {
  const queues = queuesOfDatabases.get(database) ?? new CourseQueues();
  queuesOfDatabases.set(database, queues);
  return queues;
}
