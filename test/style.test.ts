import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

it('no comment on code begins with "Is", "Holds" or another verb that only a thing could be the subject of', () => {
  const beginnings = globSync('{src,test,bench}/**/*.ts', {
    cwd: root,
    exclude: ['**/node_modules', '**/dist', '**/generated'],
  }).flatMap(path =>
    [...readFileSync(join(root, path), 'utf8').matchAll(/\/\*\*\s(?:\s*\* )?((?:Is|Are|Holds|Says|Names) .*)/g)].map(
      ([, text]) => `${path}: ${text}`,
    ),
  );
  expect(beginnings).toEqual([]);
});
