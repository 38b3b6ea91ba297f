import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { peersFolder, type Contestant } from './contestants.ts';

/** Installs the packages of contestants whose lock files have changed since, and compiles what has decorators. */
export function prepare(contestants: readonly Contestant[]): void {
  for (const name of new Set(['.', ...contestants.flatMap(({ packages }) => packages)])) {
    const folder = join(peersFolder, name);
    if (isInstalled(folder)) continue;
    process.stderr.write(`Installing ${relative(process.cwd(), folder)} …\n`);
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', folder]);
  }
  for (const { compiled } of contestants) if (compiled) compile(compiled);
}

/** Compiles a folder below `bench/peers`, by its tsconfig.json. */
export function compile(folder: string): void {
  run('tsc', ['-p', join(peersFolder, folder)]);
}

function isInstalled(folder: string): boolean {
  const installed = join(folder, 'node_modules/.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs;
}

function run(program: string, args: readonly string[]): void {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed.`, { cause: error });
}
