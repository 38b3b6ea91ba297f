import type { Socket } from 'node:net';
import { resolve } from 'node:path';
import { spawn, type IPty } from '@lydell/node-pty';
import headless from '@xterm/headless';
import type { Place } from './command-line.js';

const main = resolve(import.meta.dirname, '../../dist/cli/main.js');

/** The size of a terminal, in characters. */
export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** A command that runs in a terminal. */
export interface CommandInTerminal {
  /** Resolves with what the terminal shows once the command has ended. */
  readonly ended: Promise<Screen>;
  /**
   * Resolves once the output of the command, with its control sequences, contains a text; fails if it ends before that.
   */
  readonly wrote: (text: string | RegExp) => Promise<void>;
  /** Ends the command at once. */
  readonly kill: () => void;
  /** Types text. */
  readonly type: (text: string) => void;
}

/** The screen of a terminal. */
interface Screen {
  readonly code: number;
  /** All written lines, each in one piece, even if the terminal has wrapped it. */
  readonly lines: readonly string[];
  /** Whether the terminal wraps long lines. */
  readonly wraps: boolean;
  /** Whether its cursor is visible. */
  readonly showsCursor: boolean;
}

/** Runs a compiled command in a pseudo-terminal of this size, whose output a terminal emulator draws. */
export function inTerminal(
  { folder, databaseUrl }: Place,
  { cols, rows }: TerminalSize,
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): CommandInTerminal {
  const screen = new headless.Terminal({ cols, rows, scrollback: 100_000, allowProposedApi: true });
  const variables = {
    PATH: process.env['PATH']!,
    TERM: 'xterm-256color',
    HOST: '127.0.0.1',
    PORT: '0',
    DATABASE_URL: databaseUrl,
    ...env,
  };
  const command = spawn(process.execPath, [main, ...parameters], {
    name: 'xterm-256color',
    cols,
    rows,
    cwd: folder,
    env: variables,
  });
  readToTheEnd(command);
  let written = '';
  let check = (): void => undefined;
  command.onData(text => {
    written += text;
    screen.write(text);
    check();
  });
  const ended = new Promise<Screen>(done => {
    command.onExit(({ exitCode, signal }) => {
      // The emulator draws asynchronously; this runs after everything written before.
      screen.write('', () => {
        done({
          code: signal ? 128 + signal : exitCode,
          lines: linesOf(screen),
          wraps: screen.modes.wraparoundMode,
          showsCursor: written.lastIndexOf('\u001b[?25l') <= written.lastIndexOf('\u001b[?25h'),
        });
      });
    });
  });
  return {
    ended,
    wrote: text =>
      new Promise((found, failed) => {
        check = () => {
          if (typeof text === 'string' ? written.includes(text) : text.test(written)) found();
        };
        check();
        void ended.then(({ code }) =>
          failed(new Error(`The command ended with ${code} and never wrote ${String(text)}:\n${written}`)),
        );
      }),
    kill: () => command.kill('SIGKILL'),
    type: text => command.write(text),
  };
}

/**
 * Waits until all output of a command is read. node-pty closes its side 200 ms after the command's end, with whatever a
 * busy machine has not read by then; by itself, the terminal closes when everything was read, which is an error event.
 */
function readToTheEnd(command: IPty): void {
  const { _socket: socket } = command as unknown as { readonly _socket: Socket };
  const destroy = socket.destroy.bind(socket);
  socket.destroy = error => (error ? destroy(error) : socket);
}

function linesOf({ buffer }: InstanceType<typeof headless.Terminal>): string[] {
  const lines: string[] = [];
  for (let index = 0; index < buffer.active.length; index++) {
    const line = buffer.active.getLine(index)!;
    // A wrapped line ends at the edge of the terminal; its spaces there belong to it.
    const isContinued = buffer.active.getLine(index + 1)?.isWrapped ?? false;
    const text = line.translateToString(!isContinued);
    if (line.isWrapped) lines[lines.length - 1] += text;
    else lines.push(text);
  }
  while (lines.at(-1) === '') lines.pop();
  return lines;
}
