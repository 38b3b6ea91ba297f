import type { Clock } from '../../src/live-counts/index.js';
import { waitUntil } from './wait.js';

/** A clock that a test controls: the server looks at the database only in a tick, and the test sets the time. */
export interface SteppedClock extends Clock {
  /** Lets the server look once, and returns when it has. */
  readonly tick: () => Promise<void>;
  /** Lets the server go on, which then looks, or stops if nobody listens any more. */
  readonly goOn: () => void;
  /** Whether the server waits for the next tick, as it does only while somebody listens. */
  readonly isAwaited: boolean;
  /** Returns when the server has stopped looking because nobody listens; fails if it goes on. */
  readonly untilIdle: () => Promise<void>;
  /** The pauses that the server has requested, in milliseconds. */
  readonly pauses: readonly number[];
  /** Advances the clock. */
  readonly pass: (milliseconds: number) => void;
}

/** Returns a clock for one server. */
export function steppedClock(): SteppedClock {
  let go: (() => void) | null = null;
  let passed = 0;
  const pauses: number[] = [];
  const awaited = (): Promise<void> => waitUntil(() => go !== null, 'The server has not come to its next look.');
  return {
    pauses,
    now: () => Date.now() + passed,
    elapsed: () => passed,
    pass: milliseconds => void (passed += milliseconds),
    pause: (milliseconds, end) =>
      new Promise(resolve => {
        if (end.aborted) return resolve();
        pauses.push(milliseconds);
        const over = (): void => {
          go = null;
          end.removeEventListener('abort', over);
          resolve();
        };
        go = over;
        end.addEventListener('abort', over);
      }),
    async tick() {
      await awaited();
      go!();
      await awaited();
    },
    goOn: () => go?.(),
    untilIdle: () => waitUntil(() => go === null, 'The server waits for its next look, though nobody listens.'),
    get isAwaited() {
      return go !== null;
    },
  };
}
