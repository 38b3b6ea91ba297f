import { dialects } from '../dialects/dialects.js';
import type { Fault } from './fault.js';

/** What the databases say of their errors: those of one protocol share it. */
const readers = new Set(Object.values(dialects).map(({ faultOf: read }) => read));

/** Returns what an error of a database means; null: the error is none of a database. */
export function faultOf(error: unknown): Fault | null {
  for (const read of readers) {
    const fault = read(error);
    if (fault) return fault;
  }
  return null;
}

/** Returns the same of an error or, where it is none of a database, of its cause, and so on. */
export function faultWithin(error: unknown): Fault | null {
  for (let at = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) {
    const found = faultOf(at);
    if (found) return found;
  }
  return null;
}

/**
 * Returns true for the error of a statement that the database has ended before it was done: by a time limit, or because
 * somebody killed it.
 */
export function isInterrupted(error: unknown): boolean {
  return faultOf(error)?.callerCode === 'REQUEST_TIMEOUT';
}
