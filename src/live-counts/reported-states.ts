import type { Key } from '../entities/index.js';
import { courseStateOf, type CourseRow, type CourseState } from '../reading/index.js';

/** The state of a course of which subscribers were told different things; it equals no state of the database. */
const MIXED: CourseState = '?';

/**
 * The state of each course that subscribers were last told, so that one poll finds for all of them what has changed. If
 * a state is too old, some subscribers are offered what they already know; it must never be too new.
 */
export class ReportedStates {
  readonly #states = new Map<Key, CourseState>();

  /**
   * Adds what one subscriber is told at its beginning. Others may have been told something else, or, if they watch all
   * courses, nothing yet.
   */
  add(states: Iterable<readonly [Key, CourseState]>, othersWatchAll: boolean): void {
    for (const [id, state] of states) {
      const reported = this.#states.get(id) ?? (othersWatchAll ? MIXED : state);
      this.#states.set(id, reported === state ? state : MIXED);
    }
  }

  /** Returns which of the watched courses (null: all) have another state than was reported, are new, or are gone. */
  changedIn(states: ReadonlyMap<Key, CourseState>, watched: ReadonlySet<Key> | null): Key[] {
    const hasChanged = (id: Key): boolean => states.get(id) !== this.#states.get(id);
    if (watched) return [...watched].filter(hasChanged);
    return [...[...states.keys()].filter(hasChanged), ...[...this.#states.keys()].filter(id => !states.has(id))];
  }

  /**
   * Replaces the states of courses that are reported now: those of their rows, or none for a course that is gone.
   * `toAll` is false if some subscribers are not told.
   */
  replace(ids: readonly Key[], rows: ReadonlyMap<Key, CourseRow>, toAll: boolean): void {
    for (const id of ids) {
      const row = rows.get(id);
      if (!toAll) this.#states.set(id, MIXED);
      else if (row) this.#states.set(id, courseStateOf(row));
      else this.#states.delete(id);
    }
  }

  /** Removes all states. */
  clear(): void {
    this.#states.clear();
  }
}
