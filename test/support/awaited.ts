import pTimeout from 'p-timeout';

/**
 * The longest time for what should come at once, in milliseconds: more than a busy machine needs, less than a test has.
 */
const MAX_WAIT_MS = 60_000;

/** Waits for what should come at once; fails where it does not, with what did not happen. */
export function awaited<Result>(coming: Promise<Result>, otherwise: string): Promise<Result> {
  return pTimeout(coming, { milliseconds: MAX_WAIT_MS, message: otherwise });
}

/** Asks again until something is so; fails where it does not come to be, with what did not happen. */
export async function until(isSo: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
  const end = performance.now() + MAX_WAIT_MS;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(otherwise);
    await new Promise(resolve => setImmediate(resolve));
  }
}
