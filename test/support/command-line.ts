import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const main = resolve(import.meta.dirname, '../../dist/cli/main.js');

/** Says how a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Is a command that runs, in a folder of its own. */
export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once either output holds a text, with standard output so far; fails when the command ends before that. */
  says(text: string): Promise<string>;
}

/** Is a folder with a database of its own, in which compiled commands run. */
export interface Place {
  readonly folder: string;
  readonly databaseUrl: string;
  start(parameters: readonly string[], env?: Readonly<Record<string, string>>): Running;
  run(parameters: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  leave(): void;
}

/** Gives a place to run commands in; they get only the variables that are named, and an SQLite database. */
export function placeToRun(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-cli-'));
  const databaseUrl = `sqlite:${join(folder, 'data', 'rollcall.sqlite')}`;
  const start: Place['start'] = (parameters, env = {}) => {
    const variables = { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', DATABASE_URL: databaseUrl, MAX_EVENT_LOOP_DELAY: 'off', ...env };
    return watch(spawn(process.execPath, [main, ...parameters], { cwd: folder, env: variables, stdio: ['ignore', 'pipe', 'pipe'] }));
  };
  return { folder, databaseUrl, start, run: (...given) => start(...given).ended, leave: () => rmSync(folder, { recursive: true }) };
}

/**
 * Runs command lines that open nothing one after another in one process, with what the compiled command line itself calls for each;
 * gives how each ended, in their order. Starting a process takes half a second of a processor.
 */
export async function runInOne(lines: readonly (readonly string[])[]): Promise<Ended[]> {
  const program = `
    import { run } from '${pathToFileURL(join(main, '../program.js')).href}';
    process.stdout.setMaxListeners(0);
    const write = process.stdout.write.bind(process.stdout);
    const ends = [];
    for (const line of ${JSON.stringify(lines)}) {
      const texts = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr']) process[name].write = text => ((texts[name] += text), true);
      ends.push({ code: await run(['node', 'rollcall', ...line]), ...texts });
    }
    write(JSON.stringify(ends));
  `;
  const child = watch(spawn(process.execPath, ['--input-type=module', '-e', program], { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'pipe'] }));
  const { code, stdout, stderr } = await child.ended;
  if (code !== 0) throw new Error(`The process that ran them ended with ${code}:\n${stderr}`);
  return JSON.parse(stdout) as Ended[];
}

function watch(child: ChildProcess): Running {
  const texts = { stdout: '', stderr: '' };
  let check = (): void => undefined;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
      check();
    });
  }
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, ...texts }));
  const says = (text: string): Promise<string> =>
    new Promise((found, failed) => {
      check = () => {
        if (texts.stdout.includes(text) || texts.stderr.includes(text)) found(texts.stdout);
      };
      check();
      void ended.then(({ code, stdout, stderr }) => failed(new Error(`The command ended with ${code} and never said "${text}":\n${stdout}\n${stderr}`)));
    });
  return { process: child, ended, says };
}
