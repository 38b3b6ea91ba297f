import type { SqlEntityManager } from '@mikro-orm/sql';
import type { CountValue } from 'mikro-orm-counters';
import { countOf, type Key } from '../entities/index.js';

/** One change of a stored count, in the form in which it is recorded. */
export interface CourseChange {
  readonly counter: string;
  readonly courseId: Key;
  readonly before: number;
  readonly after: number;
}

/** The result of a step: its changes, what it adds to the run's numbers, and where the run is then. */
export interface StepResult {
  readonly changes: readonly CourseChange[];
  readonly drifted: number;
  readonly repaired: number;
  /** What the step adds to `checked`. */
  readonly checked: number;
  readonly cursorId: Key;
  /** The reason why the step failed, if the rest of the run can continue. */
  readonly error?: string;
}

/** One piece of a run's work; the transaction that makes its changes saves the cursor too. */
export interface Step {
  /**
   * What was read for this step and those after it: how many rows, in how many milliseconds; null: an earlier step has
   * it.
   */
  readonly read: { readonly milliseconds: number; readonly rows: number } | null;
  /** The titles of the courses that the step may change; one that is not there is gone. */
  readonly titles: ReadonlyMap<Key, string>;
  /** Does the work in an open transaction; `attempt` is the number of this try, from 1. */
  readonly work: (em: SqlEntityManager, attempt: number) => Promise<StepResult>;
  /** Notes how long the step took in all its tries, in milliseconds, and how many these were. */
  readonly took?: (milliseconds: number, tries: number) => void;
}

/** Returns the changes that the engine made to courses, as they are recorded. */
export function recordedChanges(
  changes: readonly { counter: string; key: readonly unknown[]; before: CountValue; after: CountValue }[],
): CourseChange[] {
  return changes.map(({ counter, key, before, after }) => ({
    counter,
    courseId: key[0] as Key,
    before: countOf(before),
    after: countOf(after),
  }));
}
