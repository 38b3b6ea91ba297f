/** Knows which courses are watched by any subscription, without going through them all at each look. */
export class WatchedCourses {
  readonly #watchers = new Map<number, number>();
  #ofAll = 0;

  /** How many subscriptions watch all courses. */
  get ofAll(): number {
    return this.#ofAll;
  }

  /** Returns the ids of the courses that are watched; null: all. */
  ids(): ReadonlySet<number> | null {
    return this.#ofAll > 0 ? null : new Set(this.#watchers.keys());
  }

  /** Adds the courses of one more subscription; null: all. */
  add(courseIds: ReadonlySet<number> | null): void {
    if (!courseIds) this.#ofAll += 1;
    for (const id of courseIds ?? []) this.#watchers.set(id, (this.#watchers.get(id) ?? 0) + 1);
  }

  /** Takes away those of one that has ended. */
  remove(courseIds: ReadonlySet<number> | null): void {
    if (!courseIds) this.#ofAll -= 1;
    for (const id of courseIds ?? []) {
      const left = this.#watchers.get(id)! - 1;
      if (left === 0) this.#watchers.delete(id);
      else this.#watchers.set(id, left);
    }
  }
}
