import { unlessStopped } from '../database/time-limits/time-limit.js';
import type { Viewer } from './viewer.js';

/**
 * Long work of one kind, of which this process does one at a time for each viewer: the next waits until the one before
 * is done.
 */
export class TurnsOfViewers {
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * Does work once all that the same viewer asked for before is done. Errors: those of the work, and WorkStopped where
   * the request's time is over before its turn, and then nothing is done.
   */
  async do<Result>(viewer: Viewer | null, work: () => Promise<Result>): Promise<Result> {
    if (!viewer) return work();
    const key = `${viewer.role} ${viewer.userId}`;
    const before = this.#last.get(key);
    const mine = (async () => {
      if (before) await unlessStopped(before);
      return work();
    })();
    // The turn is over when the one before is, too: one that was given up in between lets nobody pass.
    const over = Promise.allSettled([before, mine]);
    this.#last.set(key, over);
    try {
      return await mine;
    } finally {
      void over.then(() => {
        if (this.#last.get(key) === over) this.#last.delete(key);
      });
    }
  }
}
