import { setTimeout as delay } from 'node:timers/promises';

/** The time between two checks, in milliseconds. */
const CHECK_MS = 20;

/** Resolves once a condition holds; fails if it does not hold within this time, with a text that says so. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  milliseconds: number,
  otherwise: () => string,
): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(otherwise());
    await delay(CHECK_MS);
  }
}
