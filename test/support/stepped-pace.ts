import type { Pace } from '../../src/live-counts/index.js';
import { until } from './awaited.js';

/** Is a pace that a test sets: the database is looked at only in a tick, and the time is what the test says. */
export interface SteppedPace extends Pace {
  /** Lets the server look once, and comes back when it has. */
  tick(): Promise<void>;
  /** Lets the server go on, which then looks, or ends where nobody listens any more. */
  goOn(): void;
  /** Tells whether the server waits for the next tick: it does only while somebody listens. */
  readonly isAwaited: boolean;
  /** Comes back when the server looks no more, as nobody listens; fails where it goes on. */
  untilIdle(): Promise<void>;
  /** Holds the pauses that the server has asked for, in milliseconds. */
  readonly pauses: readonly number[];
  /** Puts the clock forward. */
  pass(milliseconds: number): void;
}

/** Gives a pace for one server. */
export function steppedPace(): SteppedPace {
  let go: (() => void) | null = null;
  let passed = 0;
  const pauses: number[] = [];
  const awaited = (): Promise<void> => until(() => go !== null, 'The server has not come to its next look.');
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
    untilIdle: () => until(() => go === null, 'The server waits for its next look, though nobody listens.'),
    get isAwaited() {
      return go !== null;
    },
  };
}
