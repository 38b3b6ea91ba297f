import { setImmediate as turn } from 'node:timers/promises';

/** The longest time for which statements may follow each other without a turn of the event loop, in milliseconds. */
const MAX_BLOCKED_MS = 10;

/**
 * The time since the last turn of the event loop. node:sqlite answers synchronously, so statements that wait only for
 * each other, even those of different requests, would block everything else until the last of them is done.
 */
class BlockedTime {
  #since: number | undefined;

  /** True if a turn is due; the first call after a turn starts the measurement. */
  get isLong(): boolean {
    return performance.now() - this.#begin() > MAX_BLOCKED_MS;
  }

  /**
   * Resolves after the next turn. Then the caller runs, even if others have used up the time in the meantime: of two
   * callers without a pause, one on each connection, the first to run after a turn would otherwise keep the other
   * waiting for ever.
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
