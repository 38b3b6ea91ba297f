import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { configVariables } from '../../src/config/config-variables.js';

it('docs/configuration.md has the table of variables by which the configuration is read', () => {
  const expected = Object.entries(configVariables).map(
    ([name, { shownDefault, meaning }]) => `| \`${name}\` | ${shownDefault}${shownDefault && ' '}| ${meaning} |`,
  );
  const rows = readFileSync('docs/configuration.md', 'utf8')
    .split('\n')
    .filter(line => /^\| `[A-Z_]+`/.test(line));
  expect(rows.join('\n')).toBe(expected.join('\n'));
});
