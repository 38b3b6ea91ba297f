/**
 * The package as people install it: packed, installed by npm as a global command, and run by the oldest and by the newest
 * line of Node that it is made for.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { watch, type Running } from '../support/command-line.ts';
import { startEmptyRegistry } from '../support/empty-registry.ts';

const checkout = resolve(import.meta.dirname, '../..');
const { version, dependencies } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
};
/** The Nodes that run the installed command. */
const nodes = [
  ['22', join(import.meta.dirname, 'node-22/node_modules/.bin')],
  ['24', dirname(process.execPath)],
] as const;

const folder = mkdtempSync(join(tmpdir(), 'rollcall-package-'));
const installed = join(folder, 'lib/node_modules/rollcall');
let packed: readonly string[];

/** Runs npm without the settings of the npm that runs the tests, and returns what it printed. */
async function npm(parameters: readonly string[], settings: Readonly<Record<string, string>> = {}): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: folder, npm_config_update_notifier: 'false', ...settings };
  return (await promisify(execFile)('npm', parameters, { cwd: checkout, env })).stdout;
}

/** Starts the installed command under a Node, on a database of its own. */
function start(node: string, parameters: readonly string[], nodeOptions = ''): Running {
  return watch(
    spawn(join(folder, 'bin/rollcall'), parameters, {
      cwd: folder,
      env: {
        PATH: [node, process.env['PATH']].join(delimiter),
        NODE_OPTIONS: nodeOptions,
        HOST: '127.0.0.1',
        PORT: '0',
        DATABASE_URL: `sqlite:${join(mkdtempSync(join(folder, 'data-')), 'rollcall.sqlite')}`,
        SAMPLE_DATA: 'false',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
}

beforeAll(async () => {
  // Not by prepack: it would build what other tests are running.
  const [{ filename, files }] = JSON.parse(
    await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder]),
  ) as [{ readonly filename: string; readonly files: readonly { readonly path: string }[] }];
  packed = files.map(({ path }) => path);
  const registry = await startEmptyRegistry(dependencies, folder);
  await npm(['install', '--global', '--no-audit', '--no-fund', '--prefix', folder, join(folder, filename)], {
    npm_config_registry: registry.url,
  });
  registry.close();
  // In the place of the empty packages, those of this checkout: what rollcall does not declare, it does not find.
  for (const name of Object.keys(dependencies)) {
    const place = join(installed, 'node_modules', name);
    rmSync(place, { recursive: true });
    symlinkSync(join(checkout, 'node_modules', name), place);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

it('the package holds the built program, its pages, its SQL and its schemas, and no source, test or benchmark', () => {
  const expected =
    /^(?:dist\/cli\/main\.js|dist\/command-line\/[^/]+\.js|docs\/.+|schema\/[^/]+\.(?:graphql|sql|map\.schema\.json)|(?:CHANGELOG|README|SECURITY)\.md|LICENSE|package\.json)$/;
  expect(packed.filter(path => !expected.test(path))).toEqual([]);
  expect(packed).toEqual(
    expect.arrayContaining([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'dist/cli/main.js',
      'docs/deployment.md',
      'package.json',
      'schema/procedures.mysql.sql',
      'schema/rollcall.map.schema.json',
      'schema/schema.graphql',
    ]),
  );
});

it('the package holds the engine once', () => {
  const copies = packed.filter(
    path => path.endsWith('.js') && readFileSync(join(installed, path), 'utf8').includes('function defineCounter('),
  );
  expect(copies).toHaveLength(1);
});

it('every package that the built program imports is a dependency', () => {
  const imported = packed
    .filter(path => path.endsWith('.js'))
    .flatMap(path => [
      ...readFileSync(join(installed, path), 'utf8').matchAll(/^import (?:[^;"]* from )?"([^".][^"]*)";$/gm),
    ])
    .map(([, name]) => /^(?:@[^/]+\/)?[^/]+/.exec(name!)![0]);
  expect(imported).toContain('mysql2');
  expect(imported.filter(name => !isBuiltin(name) && !(name in dependencies))).toEqual([]);
});

it.each(nodes)('the installed command says its version and its commands under Node %s', async (_, node) => {
  expect(await start(node, ['--version']).ended).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  const { code, stdout, stderr } = await start(node, ['--help']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('serve');
});

it.each(nodes)('the installed command serves GraphQL under Node %s until it is stopped', async (_, node) => {
  const server = start(node, ['serve']);
  const said = await server.says('/graphql');
  const response = await fetch(/http:\S+\/graphql/.exec(said)![0], {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ courses(first: 1) { nodes { totalEnrollments } } }' }),
  });
  expect(await response.json()).toEqual({ data: { courses: { nodes: [] } } });
  server.process.kill('SIGTERM');
  const { code, stderr } = await server.ended;
  expect({ code, warning: /Warning.*/.exec(stderr) }).toEqual({ code: 0, warning: null });
});

it('the installed command says in one line that a Node is too old', async () => {
  const older = join(folder, 'older.mjs');
  writeFileSync(older, "Object.defineProperty(process, 'versions', { value: { node: '22.16.0' } });");
  const { code, stdout, stderr } = await start(dirname(process.execPath), ['serve'], `--import=${older}`).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^Rollcall needs Node 22\.17 or later, but this is Node 22\.16\.0\. [^\n]*\n$/);
});
