import type { Database } from '../database/database.js';
import type { Release } from '../database/connections/places.js';
import { changing } from '../database/connections/purposes.js';
import { currentLimit, type TimeLimit } from '../database/time-limits/time-limit.js';
import { WaitingLine } from '../database/connections/waiting-line.js';

/**
 * The turns to wait for the lock of a course, one at a time for each course: of the transactions that change the same
 * course, one works, one waits for the lock in the database, and all others wait here. So they take at most two
 * connections however many there are and whatever else holds the lock, and they are served in the order of their
 * requests.
 *
 * Correctness does not depend on it: the lock in the database provides that, for all processes.
 */
export class CourseTurns {
  /** The lines of the courses whose turn is taken. */
  readonly #lines = new Map<number, WaitingLine>();

  /** How many wait. */
  get waiting(): number {
    let waiting = 0;
    for (const { length } of this.#lines.values()) waiting += length;
    return waiting;
  }

  /**
   * Takes the turns of some courses, in ascending order as locks are, so that there is no deadlock. Errors: those of
   * WaitingLine.wait(); then no turn is taken.
   */
  async take(ids: readonly number[], limit: TimeLimit | undefined = currentLimit()): Promise<Release> {
    const taken: number[] = [];
    const giveBack = (): void => taken.splice(0).forEach(id => this.#giveOn(id));
    try {
      for (const id of [...new Set(ids)].toSorted((one, other) => one - other)) {
        await this.#turn(id, limit);
        taken.push(id);
      }
    } catch (error) {
      giveBack();
      throw error;
    }
    return giveBack;
  }

  async #turn(id: number, limit: TimeLimit | undefined): Promise<void> {
    limit?.check();
    const line = this.#lines.get(id);
    if (line) await line.wait(limit);
    else this.#lines.set(id, new WaitingLine('course', changing));
  }

  #giveOn(id: number): void {
    if (!this.#lines.get(id)!.giveOn()) this.#lines.delete(id);
  }
}

const turns = new WeakMap<Database, CourseTurns>();

/** Returns the turns of this process for the courses of a database. */
export function courseTurnsOf(database: Database): CourseTurns {
  const known = turns.get(database) ?? new CourseTurns();
  turns.set(database, known);
  return known;
}
