import type { Key } from '../entities/index.js';
/** The courses that subscriptions watch, kept so that a poll need not go through all subscriptions. */
export class WatchedCourses {
  /** The number of subscriptions that name each course. */
  readonly #watchers = new Map<Key, number>();
  #ofAll = 0;

  /** The number of subscriptions that watch all courses. */
  get ofAll(): number {
    return this.#ofAll;
  }

  /** Returns the ids of the watched courses; null: all. */
  ids(): ReadonlySet<Key> | null {
    return this.#ofAll > 0 ? null : new Set(this.#watchers.keys());
  }

  /** Adds the courses of a new subscription; null: all. */
  add(courseIds: ReadonlySet<Key> | null): void {
    if (!courseIds) this.#ofAll += 1;
    for (const id of courseIds ?? []) this.#watchers.set(id, (this.#watchers.get(id) ?? 0) + 1);
  }

  /** Removes the courses of a subscription that has ended. */
  remove(courseIds: ReadonlySet<Key> | null): void {
    if (!courseIds) this.#ofAll -= 1;
    for (const id of courseIds ?? []) {
      const left = this.#watchers.get(id)! - 1;
      if (left === 0) this.#watchers.delete(id);
      else this.#watchers.set(id, left);
    }
  }
}
