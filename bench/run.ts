// npm run bench -- [PART…] [OPTION…]: compares Rollcall with the limit and with what people would use instead, or runs
// another program of this folder. bench/README.md says more.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cases, type CaseName } from './comparison/cases.ts';
import { contestants, peersFolder, REFERENCE, type Contestant } from './comparison/contestants.ts';
import { isInstalled } from './comparison/database-server.ts';

const PROGRAMS = ['verify', 'recount', 'strategies', 'requests', 'rates', 'bounds', 'live-counts', 'live-flood'];
const DATABASES = ['mysql', 'mariadb', 'sqlite'] as const;

const here = fileURLToPath(new URL('.', import.meta.url));
const [first = '', ...rest] = process.argv.slice(2);
if (PROGRAMS.includes(first)) process.exitCode = run(process.execPath, [join(here, `${first}.ts`), ...rest]);
else await compareAll();

async function compareAll(): Promise<void> {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      database: { type: 'string', default: 'mysql' },
      only: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '6' },
      courses: { type: 'string', default: '20000' },
      enrollments: { type: 'string', default: '2000000' },
      data: { type: 'string', default: join(here, '../data/bench') },
      json: { type: 'string' },
      fresh: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
    },
  });
  const names = positionals.map(name => name.toUpperCase()) as CaseName[];
  const unknown = names.find(name => !cases.some(one => one.name === name));
  if (unknown)
    fail(
      `There is no part "${unknown}". Parts are ${cases.map(({ name }) => name).join(', ')}, ${PROGRAMS.join(', ')}.`,
    );
  const database = DATABASES.find(kind => kind === options.database) ?? fail(`--database is ${DATABASES.join(', ')}.`);
  if (!isInstalled(database)) fail(`There is no server program of ${database} on PATH.`);
  const only = options.only?.split(',');
  const strange = only?.find(name => !contestants.some(one => one.name === name));
  if (strange)
    fail(`There is no contestant "${strange}". Contestants are ${contestants.map(({ name }) => name).join(', ')}.`);
  const taking = contestants.filter(
    ({ name, databases }) => databases.includes(database) && (!only || only.includes(name) || name === REFERENCE),
  );
  const size = { courses: Number(options.courses), enrollments: Number(options.enrollments) };
  const data = join(options.data, `${database}-${size.courses}-${size.enrollments}`);
  if (options.fresh) rmSync(data, { recursive: true, force: true });
  prepare(taking);
  const { compare } = await import('./comparison/compare.ts');
  const { tablesOf } = await import('./comparison/tables.ts');
  const report = await compare({
    database,
    size,
    cases: names.length > 0 ? names : cases.map(({ name }) => name),
    contestants: taking,
    rounds: Number(options.rounds),
    seconds: Number(options.seconds),
    data,
  });
  const { machine } = report;
  console.log(
    `${report.database}, ${size.courses} courses, ${size.enrollments} enrollments; ${report.rounds} rounds of ${report.seconds} s; Node ${machine.node}, ${machine.processors} × ${machine.processor}, commit ${machine.commit}\n\n${tablesOf(report.summaries)}`,
  );
  const json = options.json ?? join(options.data, `${database}-${size.courses}.json`);
  mkdirSync(dirname(json), { recursive: true });
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`\nThe same as JSON, with each round: ${json}`);
}

/** Installs the packages of the contestants whose lock files have changed since, and compiles what has decorators. */
function prepare(taking: readonly Contestant[]): void {
  for (const name of new Set(['.', ...taking.flatMap(({ packages }) => packages)])) {
    const folder = join(peersFolder, name);
    const installed = join(folder, 'node_modules/.package-lock.json');
    const lock = join(folder, 'package-lock.json');
    if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) continue;
    console.error(`Installing ${relative(process.cwd(), folder)} …`);
    orExit(run('npm', ['ci', '--no-audit', '--no-fund', '--prefix', folder]));
  }
  for (const { compiled } of taking) {
    if (compiled) orExit(run('tsc', ['-p', join(peersFolder, compiled)]));
  }
}

function orExit(code: number): void {
  if (code !== 0) process.exit(code);
}

function run(program: string, args: readonly string[]): number {
  return spawnSync(program, args, { stdio: 'inherit' }).status ?? 1;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
