/**
 * A process that runs the compiled command line repeatedly, as dist/cli/main.js does. Each message is a command. A
 * command has finished when it has returned its exit code and nothing that it opened keeps the process alive, as with a
 * process of its own: a command that leaves a timer, a server or a connection open never finishes here either. Then its
 * mark is written to both outputs, and its code is sent. What would end a process ends this one, with the same exit
 * code and the same output.
 */
import type { EventEmitter } from 'node:events';
import { enableCompileCache } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import type { run as runCommandLine } from '../../src/cli/program.js';

/** A command to run. */
export interface Command {
  readonly parameters: readonly string[];
  /** The environment of the command. */
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  /** The text that marks the end of its output. */
  readonly mark: string;
}

/** The time between two checks of what a command has left open, in milliseconds. */
const LOOK_INTERVAL_MS = 1;
/** The working folder to return to, because the folders of commands are removed. */
const OWN_FOLDER = process.cwd();

enableCompileCache();
const { run } = (await import(new URL('../../dist/command-line/program.js', import.meta.url).href)) as {
  run: typeof runCommandLine;
};
const emitters: readonly EventEmitter[] = [process, process.stdout, process.stderr];
process.on('disconnect', () => process.exit()).on('message', message => void obey(message as Command));
const openAtFirst = process.getActiveResourcesInfo();
process.send!('ready');

async function obey({ parameters, env, folder, mark }: Command): Promise<void> {
  const listening = emitters.map(listenersOf);
  replaceEnvironment(env);
  process.chdir(folder);
  const code = await run(['node', 'rollcall', ...parameters]);
  // This timer does not keep the process alive, and is not counted.
  while (leftOpen().length > 0) await delay(LOOK_INTERVAL_MS, undefined, { ref: false });
  process.chdir(OWN_FOLDER);
  emitters.forEach((emitter, index) => removeListenersBut(emitter, listening[index]!));
  process.stdout.write(mark);
  process.stderr.write(mark);
  process.send!(code);
}

function replaceEnvironment(env: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(env, name)) delete process.env[name];
  Object.assign(process.env, env);
}

/** Returns the resources that keep the process alive, besides those of the start. */
function leftOpen(): string[] {
  const open = process.getActiveResourcesInfo();
  for (const kind of openAtFirst) {
    const index = open.indexOf(kind);
    if (index >= 0) open.splice(index, 1);
  }
  return open;
}

type Listener = (...given: unknown[]) => void;

function listenersOf(emitter: EventEmitter): Map<string | symbol, Set<unknown>> {
  return new Map(emitter.eventNames().map(name => [name, new Set<unknown>(emitter.rawListeners(name))]));
}

function removeListenersBut(emitter: EventEmitter, kept: ReadonlyMap<string | symbol, ReadonlySet<unknown>>): void {
  for (const name of emitter.eventNames()) {
    for (const listener of emitter.rawListeners(name))
      if (!kept.get(name)?.has(listener)) emitter.removeListener(name, listener as Listener);
  }
}
