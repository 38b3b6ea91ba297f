import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const source = fileURLToPath(new URL('../src', import.meta.url));

/** The layers from the lowest up: a file imports from its own or a lower one. */
const layers = [
  'counters',
  'entities',
  'migrations',
  'database',
  'config',
  'access',
  'transactions',
  'reading',
  'use-cases',
  'recounts',
  'live-counts',
  'tools',
  'graphql',
  'http',
  'cli',
];

/** Gives the project's own files that a file imports, by their paths under src. */
const imports = new Map(
  readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts'))
    .map(path => {
      const text = readFileSync(join(source, path), 'utf8');
      const names = [
        ...text.matchAll(/\bimport\('(\.[^']+)'\)/g),
        ...text.matchAll(/^(?:import|export)[^;]*?from '(\.[^']+)'/gm),
        ...text.matchAll(/^import '(\.[^']+)'/gm),
      ].map(([, name]) => name!);
      return [
        path,
        names.map(name => relative(source, join(source, dirname(path), name)).replace(/\.js$/, '.ts')),
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
