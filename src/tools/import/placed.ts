import type { BadRow } from './bad-row.js';

/** The outcome of one batch. */
export interface Placed {
  readonly added: number;
  /** The enrollments that got another status, and those that were removed. */
  readonly changed?: number;
  readonly removed?: number;
  readonly alreadyThere: number;
  readonly bad: readonly BadRow[];
}
