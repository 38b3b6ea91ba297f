/**
 * Is how long work takes at least, in milliseconds, to be called slow beside what is usual, and to be called slow at
 * all.
 */
const SLOW = 250;
const SLOW_ANYWAY = 1000;
/** Is by how much longer than usual slow work takes. */
const TIMES = 4;
/** Limits one pause, in milliseconds. */
const LONGEST = 5000;

/**
 * Tells from how long pieces of work took how long to leave the database alone: as long as a piece took that was much
 * slower than usual, for then it waited for others, and not at all after any other.
 */
export class BackOff {
  #usual: number | undefined;

  /** Gives the pause after a piece of work, in milliseconds, which had so many units of the same size. */
  pauseAfter(milliseconds: number, units = 1): number {
    const each = milliseconds / Math.max(1, units);
    const expected = (this.#usual ?? each) * Math.max(1, units);
    const slow = milliseconds > SLOW_ANYWAY || (milliseconds > SLOW && milliseconds > TIMES * expected);
    if (slow) return Math.min(LONGEST, milliseconds);
    this.#usual = this.#usual === undefined ? each : 0.8 * this.#usual + 0.2 * each;
    return 0;
  }
}
