import type { SqlEntityManager } from '@mikro-orm/sql';

/** Is one change of a stored count, as it is recorded. */
export interface CourseChange {
  readonly counter: string;
  readonly courseId: number;
  readonly before: number;
  readonly after: number;
}

/** Says what a step did: its changes, and by how much it moves the run's numbers. */
export interface StepResult {
  readonly changes: readonly CourseChange[];
  readonly drifted: number;
  readonly repaired: number;
  /** Says why the step could not do what it was for, where the rest of the run can go on. */
  readonly error?: string;
}

/** Is one piece of a run's work, at whose end the cursor is saved: in the transaction that makes its changes. */
export interface Step {
  readonly cursorId: number;
  /** Is by how many the step moves `checked`. */
  readonly checked: number;
  /**
   * Says what was read for this step and those after it: how many rows, in how many milliseconds; null: an earlier step
   * said so.
   */
  readonly read: { readonly milliseconds: number; readonly rows: number } | null;
  /** Is the title of the course that the step is about; null: gone, or none. */
  readonly title: string | null;
  /** Does the work in an open transaction; absent where there is nothing to change. */
  readonly work?: (em: SqlEntityManager) => Promise<StepResult>;
}

/** Gives the changes that the engine made to one course as they are recorded. */
export function recordedChanges(
  courseId: number,
  changes: readonly { counter: string; before: number; after: number }[],
): CourseChange[] {
  return changes.map(({ counter, before, after }) => ({ counter, courseId, before, after }));
}
