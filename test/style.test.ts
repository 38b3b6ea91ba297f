import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const source = join(import.meta.dirname, '../src');

it('no comment on code of src begins with "Is", "Holds" or another verb that only a thing could be the subject of', () => {
  const beginnings = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && !path.endsWith('.d.ts') && !path.includes('node_modules'))
    .flatMap(path =>
      [
        ...readFileSync(join(source, path), 'utf8').matchAll(/\/\*\*\s(?:\s*\* )?((?:Is|Are|Holds|Says|Names) .*)/g),
      ].map(([, text]) => `${path}: ${text}`),
    );
  expect(beginnings).toEqual([]);
});
