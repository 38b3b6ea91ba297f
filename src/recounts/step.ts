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

/** The result of a step: its changes, and what it adds to the run's numbers. */
export interface StepResult {
  readonly changes: readonly CourseChange[];
  readonly drifted: number;
  readonly repaired: number;
  /** The reason why the step failed, if the rest of the run can continue. */
  readonly error?: string;
}

/** One piece of a run's work; the transaction that makes its changes saves the cursor too. */
export interface Step {
  readonly cursorId: Key;
  /** What the step adds to `checked`. */
  readonly checked: number;
  /**
   * What was read for this step and those after it: how many rows, in how many milliseconds; null: an earlier step has
   * it.
   */
  readonly read: { readonly milliseconds: number; readonly rows: number } | null;
  /** The title of the step's course; null: the course is gone, or there is none. */
  readonly title: string | null;
  /** Does the work in an open transaction; left out if there is nothing to change. */
  readonly work?: (em: SqlEntityManager) => Promise<StepResult>;
}

/** Returns the changes that the engine made to one course, as they are recorded. */
export function recordedChanges(
  courseId: Key,
  changes: readonly { counter: string; before: CountValue; after: CountValue }[],
): CourseChange[] {
  return changes.map(({ counter, before, after }) => ({
    counter,
    courseId,
    before: countOf(before),
    after: countOf(after),
  }));
}
