import pTimeout from 'p-timeout';

/**
 * The time limit for what should happen at once, in milliseconds: more than a busy machine needs, less than the time
 * limit of a test.
 */
const MAX_WAIT_MS = 60_000;

/** Waits for what should happen at once; fails if it does not, naming what did not happen. */
export function promptly<Result>(coming: Promise<Result>, otherwise: string): Promise<Result> {
  return pTimeout(coming, { milliseconds: MAX_WAIT_MS, message: otherwise });
}

/** The longest pause between two checks of a condition, in milliseconds. */
const MAX_PAUSE_MS = 8;

/** The real timer, for tests that replace the global one. */
const setTimer = globalThis.setTimeout;

/**
 * Checks a condition repeatedly until it holds; fails if it does not, naming what did not happen. The pauses between
 * the checks grow, since what is awaited often needs the processor that the checks would take.
 */
export async function waitUntil(isSo: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
  const end = performance.now() + MAX_WAIT_MS;
  for (let checks = 0; !(await isSo()); checks += 1) {
    if (performance.now() > end) throw new Error(otherwise);
    const pause = Math.min(2 ** (checks - 8), MAX_PAUSE_MS);
    await new Promise<void>(resolve => void (pause < 1 ? setImmediate(resolve) : setTimer(resolve, pause)));
  }
}
