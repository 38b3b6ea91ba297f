import { expect, it } from 'vitest';
import { errorCatalogue } from '../../src/graphql/errors/error-catalogue.js';
import { userErrorCatalogue } from '../../src/graphql/errors/user-error-catalogue.js';
import { textOf } from './console-blocks.js';

/** Returns the rows of the table under a heading of a page, their cells without the spaces around them. */
function rowsUnder(page: string, heading: string): string[][] {
  const section =
    textOf(page)
      .split(/^## /m)
      .find(one => one.startsWith(`${heading}\n`)) ?? '';
  const lines = section
    .split('\n')
    .filter(line => line.startsWith('|'))
    .slice(2);
  return lines.map(line =>
    line
      .slice(1, -1)
      .split(' | ')
      .map(cell => cell.trim()),
  );
}

it('docs/errors.md has every code of the catalogue as the catalogue describes it, and no other', () => {
  const errors = Object.entries(errorCatalogue).map(([code, { meaning, message, status, remedy }]) => [
    `\`${code}\``,
    status.join(', '),
    meaning,
    message.map(form => `\`${form}\``).join(' or '),
    remedy,
  ]);
  expect(rowsUnder('docs/errors.md', 'Errors')).toEqual(errors);
  const userErrors = Object.entries(userErrorCatalogue).map(([code, { meaning, message, remedy }]) => [
    `\`${code}\``,
    meaning,
    message.map(form => `\`${form}\``).join(' or '),
    remedy,
  ]);
  expect(rowsUnder('docs/errors.md', 'User errors')).toEqual(userErrors);
});

it('docs/quick-reference.md names the same codes', () => {
  const codesIn = (heading: string): string[] => {
    const [, table = ''] = textOf('docs/quick-reference.md').split(`| ${heading} |`);
    const rows = table.split('\n\n')[0]!.split('\n').slice(2);
    return rows.flatMap(row => [...row.split('|')[1]!.matchAll(/`(\w+)`/g)].map(([, code]) => code!));
  };
  expect(codesIn('in `userErrors`').toSorted()).toEqual(Object.keys(userErrorCatalogue).toSorted());
  expect(codesIn('in `errors`, `extensions.code`').toSorted()).toEqual(Object.keys(errorCatalogue).toSorted());
});
