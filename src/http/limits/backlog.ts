import { performance } from 'node:perf_hooks';

/** How often the backlog is measured, in milliseconds. */
export const BACKLOG_SAMPLE_MS = 250;

/** The number of samples that make up the pace of the server: those of a second. */
const SAMPLES = 4;

/** The share of its time in which an event loop works that has no time left. */
const MIN_BUSY_SHARE = 0.95;

/** The requests below which there is no backlog: a few slow ones are no sign of too much work. */
const MIN_REQUESTS = 50;

/**
 * The requests that a server works on, and how long it needs for them at the pace of the last second.
 *
 * The delay of the event loop does not tell this: each request takes many short turns, so with a thousand requests at
 * once every turn is on time, and every answer comes many seconds late. Requests that wait, as for a lock, are no
 * backlog: the event loop has time left then.
 */
export class Backlog {
  #requests = 0;
  #done = 0;
  #pace: readonly number[] = [];
  #milliseconds = 0;

  /** `busyShare` returns the share of its time in which the event loop has worked since the last call, from 0 to 1. */
  constructor(private readonly busyShare: () => number = eventLoopShares()) {}

  /** How long the server needs for all requests that it works on, in milliseconds; 0: it has time left. */
  get milliseconds(): number {
    return this.#milliseconds;
  }

  /** Counts a request, and returns the function to call when it is over. */
  begin(): () => void {
    this.#requests += 1;
    return () => {
      this.#requests -= 1;
      this.#done += 1;
    };
  }

  /** Measures; to be called each BACKLOG_SAMPLE_MS. */
  measure(): void {
    this.#pace = [...this.#pace, this.#done].slice(-SAMPLES);
    this.#done = 0;
    const done = this.#pace.reduce((sum, one) => sum + one, 0);
    const isBusy = this.busyShare() >= MIN_BUSY_SHARE && this.#requests >= MIN_REQUESTS;
    this.#milliseconds = isBusy ? (this.#requests * this.#pace.length * BACKLOG_SAMPLE_MS) / done : 0;
  }
}

/** Returns a function that returns the share of its time in which the event loop has worked since the last call. */
function eventLoopShares(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
