import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** A declaration of a type, or of a constant in capital letters, at the top level of a file. */
const TYPE_OR_CONSTANT =
  /^(?:export )?(?:abstract |declare )*(?:(?:class|interface|type|enum) (\w+)|const ([A-Z][A-Z0-9_]*)\b)/gm;

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

it('a type or a constant means one thing: no two files of the application declare the same name', () => {
  const places = new Map<string, Set<string>>();
  const files = globSync('src/**/*.ts', { cwd: root, exclude: ['src/counters/**'] });
  for (const file of files) {
    // What each kind of database has is declared for each of them.
    const place = file.replace(
      /^(src\/(?:database\/dialects|migrations)\/)(?:mysql|mariadb|postgresql|sqlite).*/,
      '$1',
    );
    for (const [, type, constant] of readFileSync(join(root, file), 'utf8').matchAll(TYPE_OR_CONSTANT)) {
      const name = (type ?? constant)!;
      places.set(name, (places.get(name) ?? new Set()).add(place));
    }
  }
  expect(places.size).toBeGreaterThan(500);
  expect([...places].filter(([, those]) => those.size > 1).map(([name, those]) => [name, ...those])).toEqual([]);
});
