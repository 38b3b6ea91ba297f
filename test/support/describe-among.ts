import { describe, expect, it } from 'vitest';

/**
 * Runs the same tests with each of the wanted things that is here, such as servers and programs. A skipped block names
 * each that is missing, so that every file has a test on every machine; with CI=true that is an error.
 */
export function describeAmong<Wanted>(
  wanted: readonly Wanted[],
  isHere: (one: Wanted) => boolean,
  nameOf: (one: Wanted) => string,
  body: (one: Wanted) => void,
): void {
  for (const one of wanted) {
    const here = isHere(one);
    if (!here && process.env['CI']) throw new Error(`This cannot be tested here: ${nameOf(one)}.`);
    describe.runIf(here)(`${nameOf(one)}${here ? '' : ', WHICH IS NOT HERE'}`, () => {
      if (here) body(one);
      else it('what its block names is here', () => expect(here).toBe(true));
    });
  }
}
