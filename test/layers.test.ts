import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { engineLayers, layers } from './support/layers.js';

const source = fileURLToPath(new URL('../src', import.meta.url));

/** The engine's package and the file that is behind its name. */
const engine = { name: 'mikro-orm-counters', entry: join('counters', 'src', 'index.ts') };

/** The project's own files that a file imports, by their paths under src. */
const imports = new Map(
  readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && !path.startsWith(join('counters', 'dist')))
    .map(path => {
      const text = readFileSync(join(source, path), 'utf8');
      const names = [
        ...text.matchAll(/\bimport\('([^']+)'\)/g),
        ...text.matchAll(/^(?:import|export)[^;]*?from '([^']+)'/gm),
        ...text.matchAll(/^import '([^']+)'/gm),
      ].map(([, name]) => name!);
      return [
        path,
        names
          .filter(name => name.startsWith('.') || name === engine.name)
          .map(name =>
            name === engine.name
              ? engine.entry
              : relative(source, join(source, dirname(path), name)).replace(/\.js$/, '.ts'),
          ),
      ] as const;
    }),
);

const layerOf = (path: string): string => path.split(sep)[0]!;

it('every folder under src is a layer', () => {
  expect([...new Set([...imports.keys()].map(layerOf))].filter(layer => !layers.includes(layer))).toEqual([]);
});

it('imports go down only', () => {
  const climbing = [...imports].flatMap(([path, names]) =>
    names
      .filter(name => layers.indexOf(layerOf(name)) > layers.indexOf(layerOf(path)))
      .map(name => `${path} → ${name}`),
  );
  expect(climbing).toEqual([]);
});

it('the counters engine imports nothing of the application', () => {
  const outside = [...imports]
    .filter(([path]) => layerOf(path) === 'counters')
    .flatMap(([, names]) => names.filter(name => layerOf(name) !== 'counters'));
  expect(outside).toEqual([]);
});

it('the application imports the engine by its name', () => {
  const byPath = [...imports.keys()]
    .filter(path => layerOf(path) !== 'counters')
    .filter(path => /from '\.[^']*\bcounters\/src\//.test(readFileSync(join(source, path), 'utf8')));
  expect(byPath).toEqual([]);
});

it('imports in the engine go down its folders only', () => {
  const folderOf = (path: string): string => path.split(sep)[2]!.replace(/\.ts$/, '');
  const files = [...imports].filter(([path]) => path.startsWith(join('counters', 'src')));
  expect(new Set(files.map(([path]) => folderOf(path)))).toEqual(new Set(engineLayers));
  const climbing = files.flatMap(([path, names]) =>
    names
      .filter(name => engineLayers.indexOf(folderOf(name)) > engineLayers.indexOf(folderOf(path)))
      .map(name => `${path} → ${name}`),
  );
  expect(climbing).toEqual([]);
});

/** The folders of the command line, from the lowest up; the files beside them may import all of them. */
const commandLineFolders = ['failures', 'output', 'input', 'reports', 'database', 'runs', 'shell', 'commands'];

it('imports within the command line go down only, and each of its folders has a place', () => {
  const levelOf = (path: string): number => {
    const [, folder, ...rest] = path.split(sep);
    return rest.length === 0 ? commandLineFolders.length : commandLineFolders.indexOf(folder!);
  };
  const own = [...imports].filter(([path]) => layerOf(path) === 'cli');
  expect(own.map(([path]) => path).filter(path => levelOf(path) === -1)).toEqual([]);
  const climbing = own.flatMap(([path, names]) =>
    names.filter(name => layerOf(name) === 'cli' && levelOf(name) > levelOf(path)).map(name => `${path} → ${name}`),
  );
  expect(climbing).toEqual([]);
});

it('the command line imports the server only to serve', () => {
  const importers = [...imports]
    .filter(([path, names]) => layerOf(path) === 'cli' && names.some(name => layerOf(name) === 'http'))
    .map(([path]) => path);
  expect(importers.filter(path => path !== join('cli', 'commands', 'serve.ts'))).toEqual([]);
});

it('there is no cycle of imports', () => {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
    if (done.has(path) || trail.includes(path)) return;
    for (const next of imports.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  expect(cycles).toEqual([]);
});

it('only config.ts reads the environment', () => {
  const readers = [...imports.keys()].filter(path =>
    /process\.env|loadEnvFile/.test(readFileSync(join(source, path), 'utf8')),
  );
  expect(readers).toEqual([join('config', 'config.ts')]);
});

/** The folders that are about one kind of database, or about two of one protocol. */
const ofOneDatabase =
  /^(?:database\/dialects\/[\w-]+\/|migrations\/(?:mysql|sqlite)\/|counters\/src\/sql\/dialects\/(?!dialects?\.ts))/;

/** Files beside them that may name a kind of database, each with the reason. */
const mayNameKinds: Readonly<Record<string, string>> = {
  'database/dialects/dialect.ts': 'declares the names of the kinds',
  'database/dialects/dialects.ts': 'lists the dialects by the names of their kinds',
  'counters/examples/blog.ts': 'is an application, which chooses its database',
  'counters/examples/forum.ts': 'is an application, which chooses its database',
  'counters/examples/shop.ts': 'is an application, which chooses its database',
};

/**
 * Matches code that asks for a kind of database: by its name, by the scheme of a URL, by its driver, by its errors, or
 * by SQL that not all of them know.
 */
const KIND = new RegExp(
  [
    /(['"`])(?:sqlite|mysql|mariadb):?\1/,
    /(?:^|[{,])\s*(?:sqlite|mysql|mariadb)\??:\s/,
    /\b(?:Sqlite|MySql|MariaDb)(?:Driver|Platform|Connection)\b/,
    /\/\^?\(?(?:sqlite|mysql|mariadb)\b/,
    /\b(?:information_schema|performance_schema|sqlite_\w+|pragma[_ ]\w+|utc_timestamp|unixepoch|show variables|show grants)\b/,
    /\berrcode\b|\berrno\)? *(?:[=!]==|\?\?)|'ER_\w+'|'ERR_SQLITE_ERROR'/,
  ]
    .map(({ source: pattern }) => pattern)
    .join('|'),
  'm',
);

/** Returns the code of a file without its imports and its comments. */
function codeOf(path: string): string {
  return readFileSync(join(source, path), 'utf8')
    .replace(/^import .*$/gm, '')
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '');
}

it('only a dialect asks which kind of database is there', () => {
  const asking = [...imports.keys()]
    .map(path => path.split(sep).join('/'))
    .filter(path => !ofOneDatabase.test(path) && !(path in mayNameKinds))
    .flatMap(path => {
      const [found] = KIND.exec(codeOf(path)) ?? [];
      return found === undefined ? [] : [`${path}: ${found}`];
    });
  expect(asking).toEqual([]);
});

it('each kind of database is known to its own dialect alone, and each of them is one', async () => {
  const { dialects } = await import('../src/database/dialects/dialects.js');
  expect(Object.entries(dialects).map(([name, { kind, urlForm }]) => [name, kind, urlForm.split(':')[0]])).toEqual(
    Object.keys(dialects).map(name => [name, name, name]),
  );
});
