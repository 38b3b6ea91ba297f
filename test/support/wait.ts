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

/** Checks a condition repeatedly until it holds; fails if it does not, naming what did not happen. */
export async function waitUntil(isSo: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
  const end = performance.now() + MAX_WAIT_MS;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(otherwise);
    await new Promise(resolve => setImmediate(resolve));
  }
}
