import { courseStateOf, type CourseRow, type CourseState } from '../reading/index.js';

/** Is the state of a course of which subscribers were told different things; it is none of the database's. */
const UNSURE: CourseState = '?';

/**
 * Knows in which state the courses were of which subscribers were told last, so that a look finds once, for all of
 * them, what has changed. Where it is too old, somebody is offered what they know already; it must never be too new.
 */
export class KnownStates {
  readonly #states = new Map<number, CourseState>();

  /**
   * Takes what one subscriber is told at its beginning. Others may have been told something else, or, where they watch
   * all, nothing yet.
   */
  add(states: Iterable<readonly [number, CourseState]>, othersWatchAll: boolean): void {
    for (const [id, state] of states) {
      const known = this.#states.get(id) ?? (othersWatchAll ? UNSURE : state);
      this.#states.set(id, known === state ? state : UNSURE);
    }
  }

  /**
   * Gives which of the courses that were asked for (null: all) are not as they are known to be: other, new, or gone.
   */
  changedIn(states: ReadonlyMap<number, CourseState>, asked: ReadonlySet<number> | null): number[] {
    const isOther = (id: number): boolean => states.get(id) !== this.#states.get(id);
    if (asked) return [...asked].filter(isOther);
    return [...[...states.keys()].filter(isOther), ...[...this.#states.keys()].filter(id => !states.has(id))];
  }

  /** Takes the courses of which subscribers are told now, all of them or not: their rows, or that they are gone. */
  replace(ids: readonly number[], rows: ReadonlyMap<number, CourseRow>, toAll: boolean): void {
    for (const id of ids) {
      const row = rows.get(id);
      if (!toAll) this.#states.set(id, UNSURE);
      else if (row) this.#states.set(id, courseStateOf(row));
      else this.#states.delete(id);
    }
  }

  /** Forgets all. */
  clear(): void {
    this.#states.clear();
  }
}
