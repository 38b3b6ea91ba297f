import { expect } from 'vitest';

const LONGEST = 600;
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/u;

/** Asserts what holds for every message: it is short, and every character is visible. */
export function expectReadable(message: string): void {
  expect(message.length).toBeLessThanOrEqual(LONGEST);
  expect(message).not.toMatch(UNSEEN);
  expect(message.isWellFormed()).toBe(true);
}
