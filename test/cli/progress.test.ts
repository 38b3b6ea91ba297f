import { expect, it } from 'vitest';
import { duration } from '../../src/cli/output/format.js';
import { quantity } from '../../src/tools/words.js';
import { paceOf } from '../../src/cli/output/progress-text.js';

it('progress shows the rows in a second and the time left, from the share that is done', () => {
  expect(paceOf({ done: 250, total: 1000, rows: 10_000 }, 2000)).toEqual({ rate: '5,000 rows/s', left: '6 s left' });
  expect(paceOf({ done: 1000, total: 1000, rows: 40_000 }, 8000)).toEqual({ rate: '5,000 rows/s', left: '0 s left' });
});

it('progress promises nothing before the first row, nor where the size is unknown', () => {
  expect(paceOf({ done: 0, total: 1000, rows: 0 }, 0)).toEqual({ rate: '…', left: '…' });
  expect(paceOf({ done: 500, total: 0, rows: 100 }, 1000)).toEqual({ rate: '100 rows/s', left: '…' });
});

it('times and numbers are formatted as people write them', () => {
  expect([900, 59_000, 130_000, 3_900_000].map(duration)).toEqual(['1 s', '59 s', '2 min 10 s', '1 h 5 min']);
  expect([quantity(1, 'course'), quantity(32_593, 'enrollment')]).toEqual(['1 course', '32,593 enrollments']);
});
