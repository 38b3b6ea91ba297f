import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * The waits of some work, as moments of performance.now(): since when it waits, which determines its place in a queue,
 * and when its waits end.
 */
interface Waits {
  readonly since: number;
  readonly end: number;
}

const waits = new AsyncLocalStorage<Waits | undefined>();

/**
 * Runs work whose waits for its turn all end at one moment of performance.now() at the latest, and which comes, in each
 * line, before everything that began to wait later.
 */
export function waitingUntil<Result>(end: number, work: () => Result, since = performance.now()): Result {
  const outer = waits.getStore();
  return waits.run(
    { since: Math.min(since, outer?.since ?? Infinity), end: Math.min(end, outer?.end ?? Infinity) },
    work,
  );
}

/** Runs work that has had its turn, so that its own waits begin anew. */
export function waitingAnew<Result>(work: () => Result): Result {
  return waits.run(undefined, work);
}

/** Returns the moment from which the wait of work counts that begins to wait now. */
export function waitStart(): number {
  return waits.getStore()?.since ?? performance.now();
}

/** Returns the end of a wait that begins now and may take the given milliseconds, by performance.now(). */
export function waitEnd(milliseconds: number): number {
  return Math.min(performance.now() + milliseconds, waits.getStore()?.end ?? Infinity);
}
