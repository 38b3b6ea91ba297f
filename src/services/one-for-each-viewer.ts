import { problem, refused, UserErrorCode, type Outcome } from './outcome.js';
import type { Viewer } from './viewer.js';

/** Says what work is under way, as a sentence that begins with its subject. */
export type Description = () => string;

/** Work of one kind of which this process does one at a time for each viewer: it is long, and another would make it longer. */
export class OneForEachViewer {
  readonly #underWay = new Map<string, Description>();

  /** Does work, unless the same viewer has some under way: then it is refused with IN_USE and what is under way. */
  async do<Value>(viewer: Viewer | null, describe: Description, work: () => Promise<Outcome<Value>>): Promise<Outcome<Value>> {
    const release = this.take(viewer, describe);
    if (typeof release === 'string') return refused(problem(UserErrorCode.IN_USE, null, release));
    try {
      return await work();
    } finally {
      release();
    }
  }

  /** Returns how to end the work that begins, or, as a text, what the same viewer has under way; null: a caller that is no viewer, or may not do it anyway. */
  take(viewer: Viewer | null, describe: Description): (() => void) | string {
    if (!viewer) return () => undefined;
    const key = `${viewer.role} ${viewer.userId}`;
    const other = this.#underWay.get(key);
    if (other) return `${other()} Wait until that is done.`;
    this.#underWay.set(key, describe);
    return () => this.#underWay.delete(key);
  }
}
