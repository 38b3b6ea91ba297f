import { expect, it } from 'vitest';
import type { Measurement } from '../../bench/comparison/measurement.ts';
import { summarize } from '../../bench/comparison/summary.ts';

function measured(contestant: string, round: number, rate: number, more: Partial<Measurement> = {}): Measurement {
  return {
    contestant,
    case: 'A',
    round,
    rate,
    answered: 100,
    failed: 0,
    failure: null,
    p50: 1,
    p99: 2,
    serverTime: 0.1,
    databaseTime: null,
    memoryMB: 100,
    ...more,
  };
}

it('a ratio is the median of the ratios within each round, not the ratio of the medians', () => {
  const rounds = [
    measured('limit', 1, 1000),
    measured('limit', 2, 500),
    measured('limit', 3, 250),
    measured('rollcall', 1, 100),
    measured('rollcall', 2, 250),
    measured('rollcall', 3, 200),
  ];
  const [limit, rollcall] = summarize(rounds, 'limit');
  expect(limit).toMatchObject({ contestant: 'limit', rate: 500, ratio: 1, lowestRatio: 1, highestRatio: 1 });
  expect(rollcall).toMatchObject({ rounds: 3, rate: 200, ratio: 0.5, lowestRatio: 0.1, highestRatio: 0.8 });
});

it('failures are counted over all rounds, and the drift of all of them is added', () => {
  const [one] = summarize(
    [measured('limit', 1, 10, { failed: 30, drift: 2 }), measured('limit', 2, 10, { failed: 0, drift: 1 })],
    'limit',
  );
  expect(one).toMatchObject({ failed: 0.15, drift: 3 });
});

it('a round in which nothing was answered counts as a rate of 0, and has no latencies', () => {
  const [, slow] = summarize(
    [
      measured('limit', 1, 10),
      measured('limit', 2, 10),
      measured('slow', 1, 0, { answered: 0, p50: null, p99: null }),
      measured('slow', 2, 5, { p50: 30, p99: 40 }),
    ],
    'limit',
  );
  expect(slow).toMatchObject({ ratio: 0.25, lowestRatio: 0, p50: 30, p99: 40, failed: 0 });
});

it('a contestant without a process of its own for the database has no time of a database', () => {
  const [one] = summarize([measured('limit', 1, 10)], 'limit');
  expect(one).toMatchObject({ serverTime: 0.1, databaseTime: null, drift: null });
});
