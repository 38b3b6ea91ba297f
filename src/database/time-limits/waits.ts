import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * The waits of some work: since when it waits, by which its place in a line is told, and when they end, as moments of
 * performance.now().
 */
interface Waits {
  readonly since: number;
  readonly end: number;
}

const waits = new AsyncLocalStorage<Waits | undefined>();

/**
 * Runs work all of whose waits for its turn end at one moment of performance.now() at the latest, and which, in each
 * line, comes before all who have begun later.
 */
export function waitingUntil<Result>(end: number, work: () => Result, since = performance.now()): Result {
  const outer = waits.getStore();
  return waits.run(
    { since: Math.min(since, outer?.since ?? Infinity), end: Math.min(end, outer?.end ?? Infinity) },
    work,
  );
}

/** Runs work that has had its turn: its own waits begin anew. */
export function waitingAnew<Result>(work: () => Result): Result {
  return waits.run(undefined, work);
}

/** Returns since when the work waits that begins to wait now. */
export function waitStart(): number {
  return waits.getStore()?.since ?? performance.now();
}

/**
 * Returns when a wait that begins now and may take so many milliseconds is to end, as a moment of performance.now().
 */
export function waitEnd(milliseconds: number): number {
  return Math.min(performance.now() + milliseconds, waits.getStore()?.end ?? Infinity);
}
