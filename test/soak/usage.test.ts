import { readFileSync } from 'node:fs';
import type { CommanderError } from 'commander';
import { expect, it } from 'vitest';
import { openSoakDatabase } from './database.js';
import { faults } from './faults.js';
import { faultsOf, optionsOf } from './options.js';

/** Returns what is printed, and the code of the error with which the command line is left. */
function printed(...parameters: string[]): { text: string; code: string | null } {
  let text = '';
  const write = (part: string): void => void (text += part);
  try {
    optionsOf(parameters, program => program.configureOutput({ writeOut: write, writeErr: write }));
    return { text, code: null };
  } catch (error) {
    return { text, code: (error as CommanderError).code };
  }
}

it('the help of the soak names every fault and where it can be provoked', () => {
  const { text, code } = printed('--help');
  expect(code).toBe('commander.helpDisplayed');
  for (const { name, does, on } of faults) expect(text).toContain(`${name.padEnd(22)}${does} (${on.join(', ')})`);
});

it('the page about the soak has every fault', () => {
  const page = readFileSync(new URL('../../docs/soak.md', import.meta.url), 'utf8');
  expect([...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name)).toEqual(faults.map(({ name }) => name));
});

it.each([
  [
    ['--fault', 'locked-course'],
    "'--fault <name>' argument 'locked-course' is invalid. Give one of none, locked-courses, ",
  ],
  [['--minutes', '0'], "'--minutes <number>' argument '0' is invalid. Give a number from 0.1."],
  [['--listeners', '1.5'], "'--listeners <number>' argument '1.5' is invalid. Give a whole number from 1."],
  [['--minute', '1'], "unknown option '--minute'"],
  [['mysql'], 'too many arguments'],
])('a soak with the options %j reports what is wrong and the remedy', (parameters, message) => {
  const { text, code } = printed(...parameters);
  expect(code).toMatch(/^commander\./);
  expect(text).toContain(message);
});

it('faults that a database cannot have are left out loudly, and where none is left, the possible ones are named', () => {
  const told: string[] = [];
  const names = (fault: string, database: string): string[] =>
    faultsOf({ fault, database }, line => told.push(line)).map(({ name }) => name);
  expect(names('all', 'mysql://root@127.0.0.1/empty')).toEqual([
    'none',
    'locked-courses',
    'alter-table',
    'frozen-server',
    'slow-reads',
    'deleted-meanwhile',
    'second-program',
  ]);
  expect(told.splice(0)).toContain('NOT PROVOKED: hang, since it needs a database that the soak has started itself.');
  expect(() => names('hang', 'sqlite')).toThrow(
    '--fault is "hang", which cannot be provoked on sqlite as --database names it. Give none, disk-full, busy-file, deleted-meanwhile, or another --database.',
  );
  expect(told).toEqual(['NOT PROVOKED: hang, since there is no such fault of sqlite.']);
});

it.each([
  [
    'oracle://root:secret@127.0.0.1/soak',
    '--database is "oracle://***@127.0.0.1/soak". Give sqlite, mysql, mariadb, or the URL of an empty database, such as mysql://root@127.0.0.1/soak.',
  ],
  ['mysql://root:secret@127.0.0.1:1/soak', 'The database mysql://***@127.0.0.1:1/soak cannot be opened: '],
])('the database %s is rejected with what is wrong, without its password', async (name, message) => {
  await expect(openSoakDatabase(name)).rejects.toThrow(message);
});
