import { setImmediate as turn } from 'node:timers/promises';

/** The longest time for which statements may follow each other without a turn of the event loop, in milliseconds. */
const MAX_BLOCKED_MS = 10;

/**
 * The time since the event loop last had a turn. node:sqlite answers at once, so statements that wait only for each
 * other, those of different requests too, would block everything else until the last of them is done.
 */
class BlockedTime {
  #since: number | undefined;

  /** True once a turn is due; the first call after a turn begins to measure. */
  get isLong(): boolean {
    return performance.now() - this.#begin() > MAX_BLOCKED_MS;
  }

  /**
   * Resolves after the next turn. Then the caller runs, even if others have used up the time meanwhile: of two callers
   * without a pause, one on each connection, the first to run after a turn would otherwise keep the other waiting for
   * ever.
   */
  async over(): Promise<void> {
    await turn();
    this.#begin();
  }

  #begin(): number {
    if (this.#since === undefined) {
      this.#since = performance.now();
      setImmediate(() => (this.#since = undefined));
    }
    return this.#since;
  }
}

/** The time for which statements of this process have blocked its event loop. */
export const blockedTime = new BlockedTime();
