import { courseStateOf, type CourseRow, type CourseState } from '../reader/index.js';

/**
 * Knows in which state the courses were that a server watches: when they were last looked at, or when the first
 * subscriber to one was told of it. So a look finds once, for all subscribers, what has changed.
 */
export class KnownStates {
  #states = new Map<number, CourseState>();

  /** Takes what a new subscriber was or will be told, of courses that nobody has watched; what is known already is older, and stays. */
  add(states: Iterable<readonly [number, CourseState]>): void {
    for (const [id, state] of states) if (!this.#states.has(id)) this.#states.set(id, state);
  }

  /** Gives which of the courses that were asked for (null: all) are not as they are known to be: other, new, or gone. */
  changedIn(states: ReadonlyMap<number, CourseState>, asked: ReadonlySet<number> | null): number[] {
    const changed: number[] = [];
    for (const id of asked ?? states.keys()) if (states.get(id) !== this.#states.get(id)) changed.push(id);
    if (asked === null) for (const id of this.#states.keys()) if (!states.has(id)) changed.push(id);
    return changed;
  }

  /** Takes what a look has found, and in place of its states those of the rows that were read, and told, after it. */
  replace(states: Map<number, CourseState>, rows: ReadonlyMap<number, CourseRow>): void {
    for (const [id, row] of rows) states.set(id, courseStateOf(row));
    this.#states = states;
  }

  /** Forgets all. */
  clear(): void {
    this.#states.clear();
  }
}
