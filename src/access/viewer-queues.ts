import { unlessStopped } from '../database/time-limits/time-limit.js';
import type { Viewer } from './viewer.js';

/**
 * A queue for each viewer, for long work of one kind: this process does one piece at a time for each viewer, and the next
 * one waits for it.
 */
export class ViewerQueues {
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * Does work once all earlier work of the same viewer is done. Errors: those of the work; WorkStopped if the request's
   * time ends before its turn, in which case nothing is done.
   */
  async do<Result>(viewer: Viewer | null, work: () => Promise<Result>): Promise<Result> {
    if (!viewer) return work();
    const key = `${viewer.role} ${viewer.userId}`;
    const before = this.#last.get(key);
    const mine = (async () => {
      if (before) await unlessStopped(before);
      return work();
    })();
    // A turn ends only after the previous one: a turn that was given up must not let the next one start early.
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
