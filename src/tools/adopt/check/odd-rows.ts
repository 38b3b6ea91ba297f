import { warning, type Finding, type ok } from '../../doctor/finding.js';

/** The finding of rows that are not as ours are. */
export interface OddRows extends Finding {
  /** Which they are, and what becomes of them where the database is opened in place. */
  readonly inPlace: string;
}

/** What a check of rows found. */
export type RowFinding = ReturnType<typeof ok> | OddRows;

/**
 * Returns the finding of rows that are not as ours are: a sentence that says which, and what becomes of them in a copy,
 * and in place.
 */
export function oddRows(
  which: string,
  { inCopy, inPlace }: { readonly inCopy: string; readonly inPlace: string },
  advice?: string,
): OddRows {
  return { ...warning(`${which} ${inCopy}`, advice), inPlace: `${which} ${inPlace}` };
}
