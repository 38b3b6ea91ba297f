import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from './command-runner.ts';

const main = resolve(import.meta.dirname, '../../dist/cli/main.js');

/** The result of a command. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command, in a folder of its own. */
export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once either output holds a text, with standard output so far; fails when the command ends before that. */
  readonly says: (text: string) => Promise<string>;
}

/** A folder with a database of its own, in which compiled commands run. */
export interface Place {
  readonly folder: string;
  readonly databaseUrl: string;
  /** Starts a process of its own. */
  readonly start: (parameters: readonly string[], env?: Readonly<Record<string, string>>) => Running;
  /**
   * Runs a command until it finishes: in this worker's runner of commands or, while that is busy, in a process of its
   * own.
   */
  readonly run: (parameters: readonly string[], env?: Readonly<Record<string, string>>) => Promise<Ended>;
  readonly leave: () => void;
}

/** Returns a place to run commands in; they get only the given variables, and an SQLite database. */
export function placeToRun(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-cli-'));
  const databaseUrl = `sqlite:${join(folder, 'data', 'rollcall.sqlite')}`;
  const variables = (env: Readonly<Record<string, string>> = {}): Record<string, string> => ({
    PATH: process.env['PATH']!,
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: databaseUrl,
    MAX_EVENT_LOOP_DELAY: 'off',
    ...env,
  });
  const start: Place['start'] = (parameters, env) =>
    watch(
      spawn(process.execPath, [main, ...parameters], {
        cwd: folder,
        env: variables(env),
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  const run: Place['run'] = (parameters, env) => {
    const runner = runnerOfWorker();
    return runner.isBusy ? start(parameters, env).ended : runIn(runner, { parameters, env: variables(env), folder });
  };
  return { folder, databaseUrl, start, run, leave: () => rmSync(folder, { recursive: true }) };
}

/** A process that runs commands one after another. */
interface Runner {
  readonly child: ChildProcess;
  /** Resolves when it accepts commands. */
  readonly ready: Promise<unknown>;
  isBusy: boolean;
}

let shared: Runner | null = null;

/**
 * Returns this worker's runner. It is started at the first use, ends with the worker, and is replaced if a command has
 * ended it.
 */
function runnerOfWorker(): Runner {
  if (shared) return shared;
  const child = spawn(process.execPath, [join(import.meta.dirname, 'command-runner.ts')], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout, child.stderr] as Socket[]) stream.setEncoding('utf8').unref();
  child.channel!.unref();
  child.unref();
  child.once('exit', () => (shared = null));
  return (shared = { child, ready: once(child, 'message'), isBusy: false });
}

/** Runs a command in an idle runner. If the command ends the runner, its result is that of the runner. */
async function runIn(runner: Runner, command: Omit<Command, 'mark'>): Promise<Ended> {
  const { child, ready } = runner;
  const mark = randomUUID();
  const texts = { stdout: '', stderr: '' };
  runner.isBusy = true;
  const { promise, resolve: end } = Promise.withResolvers<Ended>();
  let code: number | null = null;
  const look = (): void => {
    if (code === null || !texts.stdout.endsWith(mark) || !texts.stderr.endsWith(mark)) return;
    end({ code, stdout: texts.stdout.slice(0, -mark.length), stderr: texts.stderr.slice(0, -mark.length) });
  };
  const hearOutput = (text: string): void => {
    texts.stdout += text;
    look();
  };
  const hearErrors = (text: string): void => {
    texts.stderr += text;
    look();
  };
  const hearCode = (message: unknown): void => {
    if (typeof message !== 'number') return;
    code = message;
    look();
  };
  const hearEnd = (itsCode: number | null): void => end({ code: itsCode, ...texts });
  child.stdout!.on('data', hearOutput);
  child.stderr!.on('data', hearErrors);
  child.on('message', hearCode).on('close', hearEnd);
  void ready.then(() => child.send({ ...command, mark } satisfies Command));
  const ended = await promise;
  child.stdout!.off('data', hearOutput);
  child.stderr!.off('data', hearErrors);
  child.off('message', hearCode).off('close', hearEnd);
  runner.isBusy = false;
  return ended;
}

/** Watches a command that has been started. */
export function watch(child: ChildProcess): Running {
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
      void ended.then(({ code, stdout, stderr }) =>
        failed(new Error(`The command ended with ${code} and never said "${text}":\n${stdout}\n${stderr}`)),
      );
    });
  return { process: child, ended, says };
}
