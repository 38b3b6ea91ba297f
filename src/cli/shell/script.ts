import { createInterface } from 'node:readline';
import { Recoverable } from 'node:repl';
import { CommandError } from '../failures/command-error.js';
import { ExitCode } from '../output/exit-code.js';
import { print, tell } from '../output/terminal.js';
import { Evaluator, nameIn, silentServer } from './evaluator.js';
import type { Shell } from './shell.js';

/** Runs code as one line, prints its value, and returns the exit code. */
export function runCode(shell: Shell, code: string): Promise<ExitCode> {
  return runLines(shell, async evaluator => {
    await printed(shell, evaluator.valueOf(`${code}\n`));
  });
}

/** Runs the lines of standard input, prints the value of each, and returns the exit code: the first error is the end. */
export function runInput(shell: Shell): Promise<ExitCode> {
  return runLines(shell, async evaluator => {
    let code = '';
    let number = 0;
    let incomplete: Recoverable | null = null;
    for await (const line of createInterface({ input: process.stdin })) {
      number += 1;
      if (code === '' && /^\s*\.\w/.test(line)) {
        if (line.trim() === '.exit') return;
        throw new CommandError(`Line ${number}: ${line.trim()} is for a terminal. Only .exit is known here.`);
      }
      code += `${line}\n`;
      incomplete = await incompleteness(printed(shell, evaluator.valueOf(code)));
      if (incomplete === null) code = '';
    }
    if (incomplete) throw incomplete;
  });
}

/** Waits for code that is evaluated, and returns the error that it is not complete; null: it is. */
async function incompleteness(evaluated: Promise<void>): Promise<Recoverable | null> {
  try {
    await evaluated;
    return null;
  } catch (error) {
    if (error instanceof Recoverable) return error;
    throw error;
  }
}

async function printed(shell: Shell, value: Promise<unknown>): Promise<void> {
  const known = await value;
  if (known !== undefined) print(`${shell.shown(known, false)}\n`);
}

async function runLines(shell: Shell, work: (evaluator: Evaluator) => Promise<void>): Promise<ExitCode> {
  const { session, names } = shell;
  const server = silentServer();
  const takeAway = nameIn(server.context, names.all());
  const evaluator = new Evaluator(session, names, server);
  try {
    await work(evaluator);
    evaluator.requireNoStray();
    if (shell.hasExpired) throw new CommandError('The changes were rolled back, because the next line came too late.');
    const lines = session.heldLines;
    if (shell.saves) await session.save();
    else if (lines > 0) tell('Rolled back; --commit keeps the changes.\n');
    return ExitCode.clean;
  } catch (error) {
    tell(`${shell.textOf(error)}\n`);
    return ExitCode.failure;
  } finally {
    await session.rollBack();
    evaluator.close();
    takeAway();
    server.close();
  }
}
