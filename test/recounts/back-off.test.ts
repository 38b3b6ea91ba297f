import { expect, it } from 'vitest';
import { BackOff } from '../../src/recounts/back-off.js';

it('work that takes as long as usual is followed by no pause', () => {
  const backOff = new BackOff();
  expect([5, 6, 4, 12, 200, 240].map(took => backOff.pauseAfter(took))).toEqual([0, 0, 0, 0, 0, 0]);
});

it('work that takes much longer than usual is followed by a pause as long', () => {
  const backOff = new BackOff();
  for (let times = 0; times < 5; times += 1) backOff.pauseAfter(5);
  expect(backOff.pauseAfter(400)).toBe(400);
  expect(backOff.pauseAfter(5)).toBe(0);
});

it('slow work does not become the usual', () => {
  const backOff = new BackOff();
  backOff.pauseAfter(5);
  expect([900, 900, 900, 900].map(took => backOff.pauseAfter(took))).toEqual([900, 900, 900, 900]);
});

it('work that takes over a second is slow from the first, and no pause is longer than five seconds', () => {
  expect(new BackOff().pauseAfter(1500)).toBe(1500);
  expect(new BackOff().pauseAfter(60_000)).toBe(5000);
});

it('larger chunks may take longer', () => {
  const backOff = new BackOff();
  backOff.pauseAfter(50, 100);
  expect(backOff.pauseAfter(500, 1000)).toBe(0);
  expect(backOff.pauseAfter(500, 100)).toBe(500);
});
