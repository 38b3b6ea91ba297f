/** The shortest duration of slow work, in milliseconds, whatever is usual. */
const MIN_SLOW_MS = 250;
const MIN_SLOW_ANYWAY_MS = 1000;

/** The factor by which slow work takes longer than usual. */
const SLOW_FACTOR = 4;

/** The longest pause, in milliseconds. */
const MAX_THROTTLE_PAUSE_MS = 5000;

/**
 * A throttle that depends on how long pieces of work take: a piece that was much slower than usual has waited for
 * others, and is followed by a pause of its own duration; any other piece by none.
 */
export class AdaptiveThrottle {
  #usualMs: number | undefined;

  /** Returns the pause after a piece of work of a number of equal units, in milliseconds. */
  pauseAfter(milliseconds: number, units = 1): number {
    const each = milliseconds / Math.max(1, units);
    const expected = (this.#usualMs ?? each) * Math.max(1, units);
    const isSlow =
      milliseconds > MIN_SLOW_ANYWAY_MS || (milliseconds > MIN_SLOW_MS && milliseconds > SLOW_FACTOR * expected);
    if (isSlow) return Math.min(MAX_THROTTLE_PAUSE_MS, milliseconds);
    this.#usualMs = this.#usualMs === undefined ? each : 0.8 * this.#usualMs + 0.2 * each;
    return 0;
  }
}
