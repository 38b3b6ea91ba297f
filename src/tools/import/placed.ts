import type { BadRow } from './bad-row.js';

/** The outcome of one batch. */
export interface Placed {
  readonly added: number;
  readonly alreadyThere: number;
  readonly bad: readonly BadRow[];
}
