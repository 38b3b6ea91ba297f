/**
 * Runs what the pages show. Kinds of fenced block in README.md and docs/*.md:
 *
 *   console        commands after "$ " and what they print: run here, in order within a page, in one fresh folder for the
 *                  page, by one sh, on SQLite with the school of example-school.ts in data/rollcall.sqlite
 *   console mysql  the same on a fresh database of each server that is there, in a folder of its own; `mysql` knows the account
 *   graphql        an operation: run by operations.test.ts
 *   sh             commands that no test can run, such as those of another machine or of the system's supervisor
 *   others         settings, log lines, pictures
 *
 * `rollcall` is the compiled command line. A command must end with 0; a page shows another code with "; echo $?". In
 * output "…" stands for what differs from time to time, see output-pattern.ts. A command in the background writes to a
 * file.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { firstThreeKinds } from '../support/databases.js';
import { clientsHere } from '../support/sql-clients.js';
import { commandsIn, pages, textOf, type ShownCommand } from './console-blocks.js';
import { isAsShown } from './output-pattern.js';
import { pagePlace } from './page-place.js';

/**
 * The programs beside the system's own and the servers' clients that pages use; a page that needs one that is not
 * there is not run, which is said loudly.
 */
const programs = ['sqlite3', 'curl', 'jq', 'openssl', 'npm'];

const shown = pages().flatMap(page => commandsIn(page, textOf(page)));

function commandsOn(kind: DatabaseKind, page: string): ShownCommand[] {
  return shown.filter(one => one.page === page && one.on === (kind === 'sqlite' ? 'sqlite' : 'servers'));
}

function missingFor(kind: DatabaseKind, commands: readonly ShownCommand[]): string[] {
  const used = programs.filter(program => commands.some(({ command }) => new RegExp(`\\b${program} `).test(command)));
  const client = kind !== 'sqlite' && commands.length > 0 && clientsHere(kind).length === 0 ? [kind] : [];
  return [...used.filter(program => spawnSync(program, ['--version']).error !== undefined), ...client];
}

async function run(kind: DatabaseKind, commands: readonly ShownCommand[]): Promise<void> {
  const place = await pagePlace(kind);
  try {
    for (const { page, line, command, output } of commands) {
      const printed = await place.type(command);
      const where = `${page}:${line}: ${command}\nended with ${printed.code} and printed:\n${printed.output}`;
      if (printed.code !== 0) throw new Error(`${where}\nAs the page has it, it ends with 0.`);
      if (!isAsShown(printed.output, output)) throw new Error(`${where}\nThe page shows:\n${output.join('\n')}`);
    }
  } finally {
    await place.leave();
  }
}

for (const kind of firstThreeKinds) {
  for (const page of pages()) {
    const commands = commandsOn(kind, page);
    const missing = missingFor(kind, commands);
    if (missing.length === 0) {
      if (commands.length > 0)
        it.concurrent(`${page} shows what its commands print on ${kind}`, { timeout: 300_000 }, () =>
          run(kind, commands),
        );
      continue;
    }
    const message = `NOT TESTED: ${page} on ${kind}. Put ${missing.join(' and ')} on PATH.`;
    if (process.env['CI']) throw new Error(message);
    process.stderr.write(`\n${message}\n\n`);
  }
}

describe('a page does not pass', () => {
  const pageOf = (...lines: string[]): Promise<void> =>
    run('sqlite', commandsIn('a page', ['```console', ...lines, '```'].join('\n')));

  it('a page fails when a command prints something else', async () => {
    await pageOf('$ rollcall verify', 'Verified 4 courses: all counts match.');
    await expect(pageOf('$ rollcall verify', 'Verified 5 courses: all counts match.')).rejects.toThrow(
      /a page:2: rollcall verify\nended with 0[^]*Verified 4 courses[^]*The page shows:\nVerified 5/,
    );
    await expect(pageOf('$ rollcall verify')).rejects.toThrow(/The page shows:\n$/);
    await expect(pageOf('$ rollcall verify', 'Verified 4 courses: all counts match.', 'Done.')).rejects.toThrow(
      /The page shows/,
    );
  });

  it('a page fails when it has a command that does not exist', async () => {
    await expect(pageOf('$ rollcal verify', '…')).rejects.toThrow(/a page:2: rollcal verify\nended with 127/);
    await expect(pageOf('$ rollcall verfy', '…')).rejects.toThrow(/ended with 2[^]*Unknown command 'verfy'/);
  });

  it('a page fails when a command fails without saying so', async () => {
    await pageOf('$ rollcall runs show 9; echo $?', 'Run 9 does not exist.…', '1');
    await expect(pageOf('$ rollcall runs show 9', '…')).rejects.toThrow(
      /ended with 1[^]*As the page has it, it ends with 0/,
    );
  });

  it('a page fails when nobody runs a block of its kind', () => {
    expect(() => commandsIn('a page', '```console windows\n$ dir\n```')).toThrow(
      'a page:1: nobody runs blocks that are marked "console windows"',
    );
    expect(() => commandsIn('a page', '```console\ndir\n```')).toThrow('a page:2: the block begins with output');
  });
});
