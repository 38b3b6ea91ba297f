import { expect, it } from 'vitest';
import { enrollmentAliases } from '../../src/tools/import/enrollment-rows.js';
import { enrollmentFormats } from '../../src/tools/import/formats/formats.js';
import { textOf } from './console-blocks.js';

const page = textOf('docs/files.md');
const rows = page
  .replace(/^### What becomes of each column[^]*?^### /mu, '')
  .split('\n')
  .filter(line => line.startsWith('| `'))
  .map(line => [...line.matchAll(/`([^`]+)`/g)].map(([, code]) => code!));

it('docs/files.md has a row for each format', () => {
  const formats = rows.map(([first]) => first!).filter(name => !Object.hasOwn(enrollmentAliases, name));
  expect(formats).toEqual(Object.keys(enrollmentFormats));
});

it('docs/files.md names each other name of the columns of enrollments', () => {
  const named = rows.filter(([first]) => Object.hasOwn(enrollmentAliases, first!));
  expect(Object.fromEntries(named.map(([column, ...names]) => [column, names]))).toEqual(enrollmentAliases);
});

it.each(Object.entries(enrollmentFormats))(
  'docs/files.md says what becomes of each column of the format %s, and of no other',
  (name, { columns, preferred = {}, refused = {}, unused }) => {
    const [, section = ''] =
      new RegExp(`^\\*\\*[^\\n]*\`${name}\`[^]*?\\|---\\|---\\|\\n([^]*?)\\n\\n`, 'mu').exec(page) ?? [];
    const named = section.split('\n').flatMap(row => {
      const [, cell = ''] = /^\| (.*?) \| /u.exec(row) ?? [];
      return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
    });
    const others = [...unused, ...Object.keys(refused)].filter(column => !column.endsWith('*'));
    expect(named.toSorted()).toEqual([...Object.values(columns), ...Object.values(preferred), ...others].toSorted());
  },
);
