/** The part of the calls whose callers leave before they have their answer, and the longest time before they do. */
const LEAVING = 0.01;
const MAX_STAY_MS = 10;

/** Returns the time after which a caller leaves, in milliseconds; undefined, in most cases: it waits for its answer. */
export function randomLeave(): number | undefined {
  return Math.random() < LEAVING ? Math.random() * MAX_STAY_MS : undefined;
}
