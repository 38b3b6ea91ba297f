import { performance } from 'node:perf_hooks';

/** The time between two measurements of the backlog, in milliseconds. */
export const BACKLOG_SAMPLE_MS = 250;

/** The number of samples from which the server's pace is computed: those of one second. */
const PACE_SAMPLES = 4;

/** The smallest share of busy time at which the event loop counts as fully used. */
const MIN_BUSY_SHARE = 0.95;

/** The fewest requests that can be a backlog; a few slow ones are not a sign of too much work. */
const MIN_BACKLOG_REQUESTS = 50;

/**
 * The requests that a server works on, and how long it needs for them at the pace of the last second.
 *
 * The delay of the event loop does not show this: each request takes many short turns, so with a thousand requests at
 * once every turn is on time, but every answer comes many seconds late. Requests that wait, for a lock say, are not a
 * backlog: then the event loop has time left.
 */
export class Backlog {
  #requests = 0;
  #done = 0;
  #pace: readonly number[] = [];
  #milliseconds = 0;

  /** `busyShare` returns the event loop's share of busy time since the last call, from 0 to 1. */
  constructor(private readonly busyShare: () => number = eventLoopShares()) {}

  /** The time that the server needs for all requests in flight, in milliseconds; 0 if the event loop has time left. */
  get milliseconds(): number {
    return this.#milliseconds;
  }

  /** Counts a request, and returns the function to call when it finishes. */
  begin(): () => void {
    this.#requests += 1;
    return () => {
      this.#requests -= 1;
      this.#done += 1;
    };
  }

  /** Takes a sample; to be called every BACKLOG_SAMPLE_MS. */
  measure(): void {
    this.#pace = [...this.#pace, this.#done].slice(-PACE_SAMPLES);
    this.#done = 0;
    const done = this.#pace.reduce((sum, one) => sum + one, 0);
    const isBusy = this.busyShare() >= MIN_BUSY_SHARE && this.#requests >= MIN_BACKLOG_REQUESTS;
    this.#milliseconds = isBusy ? (this.#requests * this.#pace.length * BACKLOG_SAMPLE_MS) / done : 0;
  }
}

/** Returns a function that returns the event loop's share of busy time since the last call. */
function eventLoopShares(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
