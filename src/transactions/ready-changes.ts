import { setImmediate } from 'node:timers/promises';
import type { Database } from '../database/database.js';
import type { BatchMember } from './batch-member.js';

/**
 * The changes of this process that have the turns of their courses and are about to begin. Those that are ready in the
 * same turn of the event loop are made by one transaction: a busy process would otherwise spend most of its time on
 * transactions of one change each, whose commits the database has to make one by one.
 *
 * None waits for others to come: one turn of the event loop is what it takes to see which are there.
 */
class ReadyChanges {
  readonly #ready = new Set<BatchMember>();

  /**
   * Returns the other changes of the same kind that the transaction of this one makes too, at most `most`; null: the
   * transaction of another one makes this one.
   */
  async gather(member: BatchMember, most: number): Promise<BatchMember[] | null> {
    this.#ready.add(member);
    await setImmediate();
    if (!this.#ready.delete(member)) return null;
    const others: BatchMember[] = [];
    for (const other of this.#ready) {
      if (others.length === most) break;
      if (other.kind !== member.kind) continue;
      this.#ready.delete(other);
      // Its own caller knows already that it is not made.
      if (!other.hasLeft) others.push(other);
    }
    return others;
  }
}

const readyInDatabases = new WeakMap<Database, ReadyChanges>();

/** Returns the changes of this process that are about to begin on a database. */
export function readyChangesOf(database: Database): ReadyChanges {
  const ready = readyInDatabases.get(database) ?? new ReadyChanges();
  readyInDatabases.set(database, ready);
  return ready;
}
