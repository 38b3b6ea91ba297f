import { expect, it } from 'vitest';
import { withGuard, withoutGuard } from '../../src/tools/formula-guard.js';

it.each(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])(
  'a cell that begins with %j is kept a text, also behind apostrophes, and comes back as it was',
  start => {
    for (const cell of [start, `${start}1+1`, `'${start}1`, `''${start}`]) {
      expect(withGuard(cell)).toBe(`'${cell}`);
      expect(withoutGuard(withGuard(cell))).toBe(cell);
    }
  },
);

it.each(['', "'", 'a=1', ' =1', "O'Hara", "'a"])('the cell %j stays as it is', cell => {
  expect(withGuard(cell)).toBe(cell);
  expect(withoutGuard(cell)).toBe(cell);
});
