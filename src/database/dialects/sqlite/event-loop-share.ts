import { setImmediate as turn } from 'node:timers/promises';

/** How long statements may follow each other without a turn of the event loop, in milliseconds. */
const MAX_HELD_UP_MS = 10;

/**
 * The time since the event loop last had a turn. node:sqlite answers at once, so statements that wait only for each
 * other would hold up all else until the last of them is done, those of different requests too.
 */
class HeldUp {
  #since: number | undefined;

  /** True once a turn is due; the first call after a turn begins to measure. */
  get isLong(): boolean {
    return performance.now() - this.#begin() > MAX_HELD_UP_MS;
  }

  /**
   * Resolves after the next turn. What has waited for one runs then, though others have used it up meanwhile: of two
   * that are at work without an end, one on each connection, the first to run after a turn would let the other wait for
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

/** The time that statements of this process have held up its event loop. */
export const heldUp = new HeldUp();
