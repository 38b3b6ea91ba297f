import { expect, it } from 'vitest';
import { Backlog } from '../../src/http/limits/backlog.js';

/** Begins a number of requests, ends some of them within each sample, and returns the backlog after each. */
function backlogs(busyShare: number, requests: number, doneInSamples: readonly number[]): number[] {
  const backlog = new Backlog(() => busyShare);
  const ends = Array.from({ length: requests }, () => backlog.begin());
  return doneInSamples.map(count => {
    for (const end of ends.splice(0, count)) end();
    backlog.measure();
    return backlog.milliseconds;
  });
}

it('the backlog is the time for all requests under way at the pace of the last second', () => {
  // The fifth sample forgets the first.
  expect(backlogs(1, 1200, [300, 100, 100, 100, 100])).toEqual([750, 1000, 1050, 1000, 1250]);
});

it('the backlog is infinite where nothing gets done', () => {
  expect(backlogs(1, 50, [0, 0])).toEqual([Infinity, Infinity]);
});

it('waiting requests are no backlog while the event loop has time left', () => {
  expect(backlogs(0.94, 1000, [1, 1])).toEqual([0, 0]);
});

it('a few slow requests are no backlog', () => {
  expect(backlogs(1, 49, [0])).toEqual([0]);
});

it('a backlog that was worked off is none', () => {
  expect(backlogs(1, 100, [10, 90])).toEqual([2250, 0]);
});
