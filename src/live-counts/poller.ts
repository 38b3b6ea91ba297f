import { withoutLimit } from '../database/time-limits/time-limit.js';
import type { Clock } from './clock.js';

/**
 * The shortest time between two polls, in milliseconds, and so between two messages about one course to a subscription.
 */
const MIN_POLL_INTERVAL_MS = 300;
/** The shortest pause after a poll as a multiple of its duration, so that polling never keeps a database busy. */
const MIN_PAUSE_FACTOR = 4;
/** The longest pause after a poll, in milliseconds. */
const MAX_POLL_PAUSE_MS = 5000;

/** The work of a poller. */
interface PollWork {
  /** Called after each pause, before it is decided whether to poll again. */
  readonly beforePoll: () => void;
  /** Reads the database once. */
  readonly poll: () => Promise<void>;
  /** Called once when polls fail, with the error, and once when they succeed again, with null. */
  readonly onTrouble: (error: unknown) => void;
}

/** A loop that polls the database from its start to its stop, with pauses that follow from how long polls take. */
export class Poller {
  /** The end of the loop that runs; null if none does. */
  #running: AbortController | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly work: PollWork,
  ) {}

  /** Starts polling if it is not under way. */
  start(): void {
    if (this.#running) return;
    const { signal } = (this.#running = new AbortController());
    // It polls for all subscriptions, so the time limit of the one that starts it must not apply.
    void withoutLimit(() => this.#run(signal));
  }

  /** Stops polling; a poll that is under way finishes. */
  stop(): void {
    this.#running?.abort();
    this.#running = null;
  }

  async #run(end: AbortSignal): Promise<void> {
    // The durations of the last two polls. The shorter one counts, because a poll that waited for a database that hung
    // or for a lock was slow only once.
    let durations: readonly [number, number] = [0, 0];
    let isFailing = false;
    for (;;) {
      const pause = Math.min(Math.min(...durations) * MIN_PAUSE_FACTOR, MAX_POLL_PAUSE_MS);
      await this.clock.pause(Math.max(MIN_POLL_INTERVAL_MS, pause), end);
      this.work.beforePoll();
      if (end.aborted) return;
      const start = this.clock.elapsed();
      try {
        await this.work.poll();
        durations = [durations[1], this.clock.elapsed() - start];
        if (isFailing) this.work.onTrouble(null);
        isFailing = false;
      } catch (error) {
        // An error does not matter after the last subscription: a server that stops closes its database.
        if (!isFailing && !end.aborted) this.work.onTrouble(error);
        isFailing = true;
      }
    }
  }
}
