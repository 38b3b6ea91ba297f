/**
 * Is how long something may take that is to come at once, in milliseconds: more than a busy machine needs, less than a
 * test has.
 */
const PATIENCE = 60_000;

/** Waits for what is to come at once; fails where it does not, with what did not happen. */
export async function awaited<Result>(coming: Promise<Result>, otherwise: string): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(otherwise)), PATIENCE);
  try {
    return await Promise.race([coming, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again until something is so; fails where it does not come to be, with what did not happen. */
export async function until(isSo: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(otherwise);
    await new Promise(resolve => setImmediate(resolve));
  }
}
