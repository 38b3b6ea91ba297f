import { setImmediate } from 'node:timers/promises';
import type { Pace } from '../../src/services/live-counts/index.js';

/** Is a pace that a test sets: the database is looked at only in a tick, and the time is what the test says. */
export interface SteppedPace extends Pace {
  /** Lets the server look once, and comes back when it has. */
  tick(): Promise<void>;
  /** Lets the server go on, which then looks, or ends where nobody listens any more. */
  goOn(): void;
  /** Tells whether the server waits for the next tick: it does only while somebody listens. */
  readonly isAwaited: boolean;
  /** Puts the clock forward. */
  pass(milliseconds: number): void;
}

/** Gives a pace for one server. */
export function steppedPace(): SteppedPace {
  let go: (() => void) | null = null;
  let passed = 0;
  const awaited = async (): Promise<void> => {
    while (!go) await setImmediate();
  };
  return {
    now: () => Date.now() + passed,
    pass: milliseconds => void (passed += milliseconds),
    pause: (_milliseconds, end) =>
      new Promise(resolve => {
        if (end.aborted) return resolve();
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
    get isAwaited() {
      return go !== null;
    },
  };
}
