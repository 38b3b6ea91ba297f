import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { peersFolder, type Contestant } from './contestants.ts';

const programs = fileURLToPath(new URL('../../node_modules/.bin', import.meta.url));

/** Installs the packages of contestants whose lock files have changed since, and runs what is to be run before them. */
export function prepare(contestants: readonly Contestant[]): void {
  const packages = new Set(['.', ...contestants.flatMap(one => one.packageFolder ?? [])]);
  for (const name of packages) {
    const folder = join(peersFolder, name);
    if (isInstalled(folder)) continue;
    process.stderr.write(`Installing ${relative(process.cwd(), folder)} …\n`);
    // No contestant needs what install scripts do; Prisma's would download an engine that only migrations use.
    runIn(folder, ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  for (const { name, preparation } of contestants) if (preparation) runIn(join(peersFolder, name), preparation);
}

/** Checks the types of the contestants that share a package. */
export function checkTypes(): void {
  runIn(peersFolder, ['tsc']);
}

function isInstalled(folder: string): boolean {
  const installed = join(folder, 'node_modules/.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs;
}

/** Runs a program in a folder, with those of the folder's packages and of the project first on PATH. */
function runIn(folder: string, [program = '', ...args]: readonly string[]): void {
  const path = [join(folder, 'node_modules/.bin'), programs, process.env['PATH']].join(delimiter);
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    // Prisma asks for its engine for migrations where it only generates, and must not look for it in the network.
    env: { ...process.env, PATH: path, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1' },
  });
  if (status !== 0)
    throw new Error(`${[program, ...args].join(' ')} failed in ${folder}:\n${stdout}${stderr}`, { cause: error });
}
