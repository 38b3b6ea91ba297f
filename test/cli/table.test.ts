import { expect, it } from 'vitest';
import { printable } from '../../src/cli/output/printable.js';
import { headingOf, lineOf, type Column } from '../../src/cli/output/table.js';

const columns: Column[] = [
  { title: 'id', width: 4, number: true },
  { title: 'title', width: 8 },
  { title: 'result', width: 6 },
];
const line = (title: string): string => lineOf(columns, ['7', title, 'MATCH']);

it('the cells of a table stand under their titles, numbers at the right', () => {
  expect(headingOf(columns)).toBe('  id  title     result');
  expect(line('Optics')).toBe('   7  Optics    MATCH');
});

it('a table cuts text that is too long for its column with a …, and never a number', () => {
  expect(line('Eight ch')).toBe('   7  Eight ch  MATCH');
  expect(line('Nine char')).toBe('   7  Nine ch…  MATCH');
  expect(lineOf(columns, ['1234567', 'a', 'MATCH'])).toBe('1234567  a         MATCH');
});

it('a table gives wide characters two places, and cuts none in half', () => {
  expect(line('数据库系')).toBe('   7  数据库系  MATCH');
  expect(line('数据库系统')).toBe('   7  数据库…   MATCH');
  expect(line('Zoë\u0301 é')).toBe('   7  Zoë\u0301 é     MATCH');
  expect(line('👩‍👩‍👧‍👦👩‍👩‍👧‍👦')).toBe('   7  👩👩👧…   MATCH');
});

it.each([
  '\n',
  '\r',
  '\t',
  '\b',
  '\u0000',
  '\u001b',
  '\u007f',
  '\u009b',
  '\u2028',
  '\u202e',
  '\u2066',
  '\u200b',
  '\ufeff',
  '\ud800',
])('a table shows the character %j, which would break a line, as �', character => {
  expect(line(`a${character}b`)).toBe('   7  a�b       MATCH');
});

it('a table shows a letter with many combining accents as �', () => {
  expect(printable(`Z${'\u0300'.repeat(200)}oo`)).toBe('�oo');
});
