import { expect, it } from 'vitest';
import { AdaptiveThrottle } from '../../src/recounts/adaptive-throttle.js';

it('work that takes as long as usual is followed by no pause', () => {
  const throttle = new AdaptiveThrottle();
  expect([5, 6, 4, 12, 200, 240].map(took => throttle.pauseAfter(took))).toEqual([0, 0, 0, 0, 0, 0]);
});

it('work that takes much longer than usual is followed by a pause as long', () => {
  const throttle = new AdaptiveThrottle();
  for (let times = 0; times < 5; times += 1) throttle.pauseAfter(5);
  expect(throttle.pauseAfter(400)).toBe(400);
  expect(throttle.pauseAfter(5)).toBe(0);
});

it('slow work does not become the usual', () => {
  const throttle = new AdaptiveThrottle();
  throttle.pauseAfter(5);
  expect([900, 900, 900, 900].map(took => throttle.pauseAfter(took))).toEqual([900, 900, 900, 900]);
});

it('work that takes over a second is slow from the first, and no pause is longer than five seconds', () => {
  expect(new AdaptiveThrottle().pauseAfter(1500)).toBe(1500);
  expect(new AdaptiveThrottle().pauseAfter(60_000)).toBe(5000);
});

it('larger chunks may take longer', () => {
  const throttle = new AdaptiveThrottle();
  throttle.pauseAfter(50, 100);
  expect(throttle.pauseAfter(500, 1000)).toBe(0);
  expect(throttle.pauseAfter(500, 100)).toBe(500);
});
