import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Words that only a sentence without a subject begins with. Words that may be nouns, such as "counts", are not here. */
const VERBS = new Set(
  `is are was were has have had does did may can cannot could will would must should returns refuses rejects gives
  keeps throws says tells shows reads takes lets adds removes finds opens closes waits asks answers sends goes gets
  leaves puts sets fails holds allows accepts ignores prints exports copies compares repairs verifies follows knows
  sees stays remains becomes begins continues contains includes applies appears means offers requires resolves
  restores stores supports understands warns explains deletes updates describes detects differs drops`.split(/\s+/),
);

/** A type, or a constant in capital letters, at the top level of a file; or a function that other files can import. */
const DECLARED =
  /^(?:(?:export )?(?:abstract |declare )*(?:(?:class|interface|type|enum) (\w+)|const ([A-Z][A-Z0-9_]*)\b)|export (?:async )?function\*? (\w+))/gm;

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

it('a name means one thing: no two files of the application declare the same type, constant or exported function', () => {
  const places = new Map<string, Set<string>>();
  const files = globSync('src/**/*.ts', { cwd: root, exclude: ['src/counters/**'] });
  for (const file of files) {
    // What each kind of database has is declared for each of them.
    const place = file.replace(
      /^(src\/(?:database\/dialects|migrations)\/)(?:mysql|mariadb|postgresql|sqlite).*/,
      '$1',
    );
    for (const [, type, constant, action] of readFileSync(join(root, file), 'utf8').matchAll(DECLARED)) {
      const name = (type ?? constant ?? action)!;
      places.set(name, (places.get(name) ?? new Set()).add(place));
    }
  }
  expect(places.size).toBeGreaterThan(500);
  expect([...places].filter(([, those]) => those.size > 1).map(([name, those]) => [name, ...those])).toEqual([]);
});

it('the name of a test is a sentence with a subject, which can be read without the block around it', () => {
  const names = globSync('test/**/*.ts', { cwd: root }).flatMap(file =>
    [
      ...readFileSync(join(root, file), 'utf8').matchAll(
        /\bit(?:\.\w+(?:\((?:[^()]|\([^()]*\))*\))?)*\(\s*(['"`])((?:(?!\1)[^\\]|\\.)+)\1/g,
      ),
    ].map(([, , name]) => ({ file, name: name! })),
  );
  expect(names.length).toBeGreaterThan(1000);
  expect(names.filter(({ name }) => VERBS.has(name.split(' ')[0]!))).toEqual([]);
});
