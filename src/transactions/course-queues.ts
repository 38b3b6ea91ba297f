import type { Database } from '../database/database.js';
import type { Release } from '../database/connections/connection-slots.js';
import { changing } from '../database/connections/purposes.js';
import { currentLimit, type TimeLimit } from '../database/time-limits/time-limit.js';
import { WaitQueue } from '../database/connections/wait-queue.js';

/**
 * The queues in which the transactions of this process wait for the locks of courses. Of the transactions that change the
 * same course, one works, one waits for the lock in the database, and all others wait here. So they use at most two
 * connections, however many there are and whatever else holds the lock, and they are served in the order of their
 * requests.
 *
 * Correctness does not depend on it: the lock in the database provides that, for all processes.
 */
export class CourseQueues {
  /** The queue of each course whose turn is taken. */
  readonly #queues = new Map<number, WaitQueue>();

  /** The number of transactions that wait. */
  get waiting(): number {
    let waiting = 0;
    for (const { length } of this.#queues.values()) waiting += length;
    return waiting;
  }

  /**
   * Takes the turns of some courses, in ascending order as locks are, so that there is no deadlock. Errors: those of
   * WaitQueue.wait(); then no turn is taken.
   */
  async take(ids: readonly number[], limit: TimeLimit | undefined = currentLimit()): Promise<Release> {
    const taken: number[] = [];
    const release = (): void => taken.splice(0).forEach(id => this.#admitNext(id));
    try {
      for (const id of [...new Set(ids)].toSorted((one, other) => one - other)) {
        await this.#takeTurn(id, limit);
        taken.push(id);
      }
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }

  async #takeTurn(id: number, limit: TimeLimit | undefined): Promise<void> {
    limit?.check();
    const queue = this.#queues.get(id);
    if (queue) await queue.wait(limit);
    else this.#queues.set(id, new WaitQueue('course', changing));
  }

  #admitNext(id: number): void {
    if (!this.#queues.get(id)!.admitNext()) this.#queues.delete(id);
  }
}

const queuesOfDatabases = new WeakMap<Database, CourseQueues>();

/** Returns the queues of this process for the courses of a database. */
export function courseQueuesOf(database: Database): CourseQueues {
  const queues = queuesOfDatabases.get(database) ?? new CourseQueues();
  queuesOfDatabases.set(database, queues);
  return queues;
}
