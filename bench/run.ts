// npm run bench -- [PART…] [OPTION…]: compares Rollcall with the limit and with what people would use instead, or runs
// another program of this folder. bench/README.md says more.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cases } from './comparison/cases.ts';
import { compare } from './comparison/compare.ts';
import { contestants, REFERENCE } from './comparison/contestants.ts';
import { isInstalled, type ServerKind } from './comparison/database-server.ts';
import { conditionsOf, writePage } from './comparison/page.ts';
import { hasPostgreSql } from './comparison/postgresql.ts';
import { prepare } from './comparison/prepare.ts';
import { profileTablesOf } from './comparison/profile-tables.ts';
import { smoke } from './comparison/smoke.ts';
import { tablesOf } from './comparison/tables.ts';

const PROGRAMS = [
  'verify',
  'recount',
  'flush',
  'import',
  'adopt',
  'strategies',
  'requests',
  'rates',
  'bounds',
  'live-counts',
  'live-flood',
  'indexes',
  'rows',
  'memory',
];
const DATABASES: readonly ServerKind[] = ['mysql', 'mariadb', 'sqlite'];
const NEWCOMERS = 100_000;
const MIN_WARM_UP_SECONDS = 3;

const here = fileURLToPath(new URL('.', import.meta.url));
const [first = '', ...rest] = process.argv.slice(2);
if (PROGRAMS.includes(first))
  process.exitCode =
    spawnSync(process.execPath, [join(here, `${first}.ts`), ...rest], { stdio: 'inherit' }).status ?? 1;
else await compareAll();

async function compareAll(): Promise<void> {
  const { values: options, positionals } = readArguments();
  if (options.help) return showHelp();
  if (options.smoke) return smoke();
  const [database] = known('database', [options.database], DATABASES) as [ServerKind];
  if (!isInstalled(database)) fail(`There is no server program of ${database} on PATH.`);
  const able = contestants.filter(
    ({ databases }) => databases.includes(database) || (database === 'mysql' && databases.includes('postgresql')),
  );
  const all = able.map(({ name }) => name);
  const only = known('contestant', options.only?.split(',') ?? all, all);
  const caseNames = cases.map(({ name }) => name);
  const asked = known('part', positionals, [...caseNames, ...PROGRAMS]);
  const taking = able.filter(({ name, databases }) => {
    if (!only.includes(name) && name !== REFERENCE) return false;
    if (!databases.includes('postgresql') || hasPostgreSql()) return true;
    console.error(`!!! NOT MEASURED: ${name}, because PostgreSQL's programs are not on PATH.`);
    return false;
  });
  const [courses, enrollments, rounds, seconds] = (['courses', 'enrollments', 'rounds', 'seconds'] as const).map(name =>
    numberOf(name, options[name]),
  ) as [number, number, number, number];
  const size = { courses, enrollments, newcomers: NEWCOMERS };
  const data = join(options.data, `${database}-${size.courses}-${size.enrollments}`);
  if (options.fresh) rmSync(data, { recursive: true, force: true });
  prepare(taking);
  const report = await compare({
    database,
    size,
    cases: asked.length > 0 ? caseNames.filter(name => asked.includes(name)) : caseNames,
    contestants: taking,
    rounds,
    seconds,
    warmUpSeconds: Math.max(MIN_WARM_UP_SECONDS, seconds),
    isProfiled: options.profile,
    data,
  });
  const tables = options.profile ? profileTablesOf(report.measurements) : tablesOf(report.summaries);
  console.log(`${conditionsOf(report)}\n\n${tables}`);
  const json =
    options.json ?? join(options.data, `${database}-${size.courses}${options.profile ? '-profile' : ''}.json`);
  mkdirSync(dirname(json), { recursive: true });
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`\nThe same as JSON, with each round: ${json}`);
  if (options.docs) writePage(report, options.profile ? 'profile' : 'comparison');
}

function showHelp(): void {
  const list = (entries: readonly { readonly name: string; readonly title: string }[]): string =>
    entries.map(({ name, title }) => `  ${name.padEnd(14)} ${title}`).join('\n');
  console.log(`npm run bench -- [PART…] [OPTION…]; bench/README.md has the options.

Parts, all of these without one:
${list(cases)}
Contestants, for --only:
${list(contestants)}
Other programs: ${PROGRAMS.join(', ')}`);
}

function readArguments() {
  try {
    return parseArgs({
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
        docs: { type: 'boolean', default: false },
        fresh: { type: 'boolean', default: false },
        smoke: { type: 'boolean', default: false },
        profile: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** Returns the names, or ends the program if one of them is not known. */
function known(what: string, names: readonly string[], allowed: readonly string[]): readonly string[] {
  const unknown = names.find(name => !allowed.includes(name));
  if (unknown !== undefined) fail(`There is no ${what} "${unknown}". There are: ${allowed.join(', ')}.`);
  return names;
}

function numberOf(name: string, text: string): number {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : fail(`--${name} is a number, not "${text}".`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
