import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { barLine } from '../../src/cli/output/progress-text.js';
import { openDatabase } from '../../src/database/database.js';
import { placeToRun, type Ended, type Place } from '../support/command-line.js';
import { inTerminal } from '../support/terminal.js';

const COURSES = 150;
const sizes = [
  { cols: 80, rows: 24 },
  { cols: 200, rows: 50 },
] as const;
const BAR = /^[a-z]+ (?:[█░]+ )?\d+% \|/;
/** The lines that replace the bar in a pipe, every two seconds. */
const PROGRESS = /^[a-z]+: \d+%, .* (?:left|…)$/;

let place: Place;

beforeAll(async () => {
  place = placeToRun();
  await place.run(['seed', '--courses', `${COURSES}`, '--students', '20', '--enrollments', '300']);
  await place.run(['backup', 'counts.jsonl']);
  const database = await openDatabase(place.databaseUrl);
  // Titles of all lengths, so that lines end at every column.
  await database.em.execute(
    `update core_course set title = substr('${'A long way to a title with many words in it. '.repeat(5)}', 1, 1 + id), total_enrollments = 123450000 + id`,
  );
  await database.close(true);
  writeFileSync(
    join(place.folder, 'bad.csv'),
    `course,student\n${Array.from({ length: 3000 }, (_, index) => `${index % 7 === 0 ? '"A course that nobody has ever heard of, with a title that is longer than eighty columns"' : '1'},${1 + (index % 20)}`).join('\n')}\n`,
  );
  // In every later run, what it adds exists already.
  await place.run(['import', 'enrollments', 'bad.csv']);
});
afterAll(() => place.leave());

/** Commands that print while a bar is up; each can be run again and again. */
const commands = [
  ['recount', '--dry-run', '--batch-size', '3'],
  ['recount', '--dry-run', '--batch-size', '3', '--json'],
  ['verify', '--batch-size', '3'],
  ['verify', '--batch-size', '3', '--all', '--json'],
  ['restore', '--dry-run', 'counts.jsonl'],
  ['import', 'enrollments', 'bad.csv'],
] as const;

const inPipe = new Map<readonly string[], Promise<Ended>>();

/** Returns what a command writes to a pipe, which is the same however large a terminal is. */
function piped(parameters: readonly string[]): Promise<Ended> {
  if (!inPipe.has(parameters)) inPipe.set(parameters, place.run(parameters));
  return inPipe.get(parameters)!;
}

describe.each(sizes)('a terminal of $cols × $rows', size => {
  it.each(commands.map(command => ({ command: command.join(' '), parameters: command })))(
    'a terminal shows every line of "rollcall $command" whole, in order, and besides only the bar',
    async ({ parameters }) => {
      const { code: ownCode, stdout, stderr } = await piped(parameters);
      const { code, lines, wraps, showsCursor } = await inTerminal(place, size, parameters).ended;
      const told = `${stdout}${stderr}`
        .split('\n')
        .filter(line => line !== '' && !PROGRESS.test(line))
        .map(withoutWhatDiffers);
      const shown = lines
        .filter(line => line.trim() !== '' && !BAR.test(line))
        .map(line => withoutWhatDiffers(line.trimEnd()));
      // A pipe gives messages and results apart; a terminal mixes them as they come.
      expect(shown.toSorted()).toEqual(told.map(line => line.trimEnd()).toSorted());
      expect(shown.filter(line => stdout.includes(line))).toEqual(
        told.filter(line => stdout.includes(line)).map(line => line.trimEnd()),
      );
      expect({ code, wraps, showsCursor }).toEqual({ code: ownCode, wraps: true, showsCursor: true });
    },
  );
});

it('a terminal in which a command is killed while its bar is up still wraps lines and shows its cursor', async () => {
  const command = inTerminal(place, sizes[0], ['recount', '--dry-run', '--batch-size', '1', '--throttle', '60000']);
  await command.wrote(/\d+% \|/);
  command.kill();
  const { lines, wraps, showsCursor } = await command.ended;
  expect({ wraps, showsCursor }).toEqual({ wraps: true, showsCursor: true });
  // What the shell prints next begins on a line of its own.
  expect(lines.filter(line => BAR.test(line)).length).toBeLessThanOrEqual(1);
});

it('an interrupted recount says in a terminal, on lines of its own, that it pauses and how it goes on', async () => {
  const command = inTerminal(place, sizes[0], ['recount', '--dry-run', '--batch-size', '1', '--throttle', '60000']);
  await command.wrote('Would update');
  command.type('\u0003');
  const { code, lines } = await command.ended;
  expect(code).toBe(1);
  const said = lines
    .filter(line => !BAR.test(line))
    .map(line => line.replace(/\d+/g, 'N').trim())
    .filter(line => line !== '');
  expect(said).toContain('Pausing run N after this chunk; a second signal stops at once.');
  expect(said.at(-1)).toBe('Run N is paused after N of N courses. Continue it with "rollcall runs resume N".');
});

it.each([0, 1, 10, 39, 40, 79, 80, 200])('a bar and its text stay within %i columns', columns => {
  for (const share of [0, 0.004, 0.5, 1]) {
    const line = barLine('recount', share, ['20,000 courses', '12,345 courses/s', '2 min 10 s left'], columns);
    expect(line.length).toBeLessThanOrEqual(Math.max(0, columns - 1));
  }
});

it('only terminal.ts writes to the terminal, so that nothing is printed on a bar', () => {
  const folder = new URL('../../src/cli/', import.meta.url);
  const writers = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    name =>
      name.endsWith('.ts') &&
      /process\.std(?:out|err)\.write|console\.(?!table)/.test(readFileSync(new URL(name, folder), 'utf8')),
  );
  // rollcall.ts speaks where this program cannot even be loaded.
  expect(writers.toSorted()).toEqual([join('output', 'terminal.ts'), 'rollcall.ts']);
});

/** Replaces what differs from run to run: ids of runs, moments and paces. */
function withoutWhatDiffers(line: string): string {
  return line.replace(/^\{"run":.*$/, '{"run"}').replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'a moment');
}
