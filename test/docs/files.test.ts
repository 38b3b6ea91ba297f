import { expect, it } from 'vitest';
import { enrollmentAliases } from '../../src/tools/import/enrollment-rows.js';
import { enrollmentFormats } from '../../src/tools/import/formats/formats.js';
import { textOf } from './console-blocks.js';

const rows = textOf('docs/files.md')
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
