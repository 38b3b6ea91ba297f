import { dialects } from '../dialects/dialects.js';
import type { Fault } from './fault.js';

/** The functions that read the errors of each database; databases with one protocol share a function. */
const readers = new Set(Object.values(dialects).map(({ faultOf: read }) => read));

/** Returns what an error of a database means; null if the error does not come from a database. */
export function faultOf(error: unknown): Fault | null {
  for (const read of readers) {
    const fault = read(error);
    if (fault) return fault;
  }
  return null;
}

/** Returns what an error means or, if it does not come from a database, its cause, the cause of that, and so on. */
export function faultWithin(error: unknown): Fault | null {
  for (let at = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) {
    const found = faultOf(at);
    if (found) return found;
  }
  return null;
}

/**
 * Returns true for the error of a statement that the database has ended early: by a time limit, or because somebody
 * killed it.
 */
export function isInterrupted(error: unknown): boolean {
  return faultOf(error)?.callerCode === 'REQUEST_TIMEOUT';
}
