// Builds dist/ from src/, unless nothing has changed since the last build: TypeScript first, then the command line.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

/** What the build is made of; npm writes the last one when it installs packages. */
const sources = [
  'src',
  'build.js',
  'rolldown.config.js',
  'tsconfig.json',
  'tsconfig.build.json',
  'node_modules/.package-lock.json',
];

/** The file that the build writes last. */
const built = 'dist/cli/main.js';

/** The folder into which the engine, which is a part of src, is built. */
const engine = join('src', 'counters', 'dist');

if (Math.max(...sources.map(changedAt)) >= changedAt(built)) {
  const compiler = ['node_modules/typescript/bin/tsc', '-b', 'tsconfig.build.json', '--checkers', '1'];
  const { status, error } = spawnSync(process.execPath, compiler, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
  const [{ build }, { default: config }] = await Promise.all([import('rolldown'), import('./rolldown.config.js')]);
  await build({ ...config, logLevel: 'warn' });
  utimesSync(built, new Date(), new Date());
}

/** Returns when a file, or anything in a folder, was last changed, in milliseconds; 0: it does not exist. */
function changedAt(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return stats?.mtimeMs ?? 0;
  // A folder itself changes when a file in it is deleted.
  const times = readdirSync(path, { recursive: true })
    .map(name => join(path, name))
    .filter(each => each !== engine && !each.startsWith(join(engine, '/')) && !each.includes('node_modules'))
    .map(each => statSync(each).mtimeMs);
  return Math.max(stats.mtimeMs, ...times);
}
