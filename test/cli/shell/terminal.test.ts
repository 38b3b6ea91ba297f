import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { placeToRun, type Place } from '../../support/command-line.js';
import { inTerminal, type CommandInTerminal } from '../../support/terminal.js';

const size = { cols: 120, rows: 50 } as const;

let place: Place;
let history: string;
beforeAll(async () => {
  place = placeToRun();
  history = join(place.folder, 'history');
  await place.run(['seed', '--courses', '1', '--students', '10', '--enrollments', '0']);
  await place.run(['shell', '--commit', '-c', "await createCourse({ title: 'Algebra' })"]);
});
afterAll(() => place.leave());

/** Starts a shell in a terminal, and returns it once it waits for a line. */
async function shell(...flags: string[]): Promise<CommandInTerminal> {
  const command = inTerminal(place, size, ['shell', '--history', history, ...flags], { NO_COLOR: '1' });
  await command.wrote(/rollcall!?> /);
  return command;
}

it('a person completes a line, sees its result and what is held, and nothing is kept at the end', async () => {
  const command = await shell();
  command.type('await enr');
  await command.wrote('await enr');
  command.type('\t');
  await command.wrote('await enroll');
  command.type('(2, 10)\r');
  await command.wrote('rollcall*> ');
  command.type('await counts(2)\r');
  await command.wrote('stored: 1, actual: 1');
  command.type('nonsense\r');
  await command.wrote('ReferenceError');
  command.type('\u0004');
  const { code, lines } = await command.ended;
  expect(code).toBe(0);
  expect(lines.join('\n')).toMatch(
    /^Rollcall shell on sqlite:.*, as an admin\. Changes are rolled back at the end, or after 60 s without a line\./,
  );
  expect(lines.slice(lines.findIndex(line => line.startsWith('rollcall> ')))).toEqual([
    'rollcall> await enroll(2, 10)',
    'Course 2 "Algebra": totalEnrollments 0 → 1, activeEnrollments 0 → 1',
    'Enrollment {',
    expect.stringMatching(/^ {2}id: \d+,$/),
    '  course: Course { id: 2 },',
    '  student: User { id: 10 },',
    "  status: 'active',",
    expect.stringMatching(/^ {2}enrolledAt: /),
    expect.stringMatching(/^ {2}updatedAt: /),
    '}',
    'rollcall*> await counts(2)',
    '{',
    '  totalEnrollments: { stored: 1, actual: 1 },',
    '  activeEnrollments: { stored: 1, actual: 1 }',
    '}',
    'rollcall*> nonsense',
    'ReferenceError: nonsense is not defined',
    'rollcall*> ',
    'Rolled back the changes of 1 line.',
  ]);
  expect((await place.run(['shell', '-c', 'await em.count(Enrollment)'])).stdout).toBe('0\n');
});

it('.commit asks, and keeps the changes only after the whole word yes; .rollback takes them back', async () => {
  const command = await shell();
  command.type('await enroll(2, 9)\r');
  await command.wrote('rollcall*> ');
  command.type('.commit\r');
  await command.wrote('Type "yes"');
  command.type('y\r');
  await command.wrote('Not kept.');
  command.type('.rollback\r');
  await command.wrote('Rolled back the changes of 1 line.');
  command.type('await enroll(2, 8)\r');
  await command.wrote('User { id: 8 }');
  command.type('.commit\r');
  await command.wrote(/Not kept[^]*Type "yes"/);
  command.type('yes\r');
  await command.wrote('Kept.');
  command.type('\u0004');
  expect((await command.ended).code).toBe(0);
  const students = '(await em.find(Enrollment, { course: 2 })).map(one => one.student.id)';
  expect((await place.run(['shell', '-c', students])).stdout).toBe('[ 8 ]\n');
});

it('Ctrl+C cancels a line that is typed and one that runs, and changes that were held are rolled back then', async () => {
  const command = await shell('--no-history');
  command.type('half a li');
  await command.wrote('half a li');
  command.type('\u0003');
  command.type('20 + 22\r');
  await command.wrote('42\r\n');
  command.type('await enroll(2, 7)\r');
  await command.wrote('rollcall*> ');
  command.type('console.log("loop" + "ing"); while (true);\r');
  await command.wrote('looping');
  command.type('\u0003');
  await command.wrote('The transaction has ended. Rolled back the changes of 1 line.');
  command.type('console.log("wait" + "ing"); await new Promise(() => {})\r');
  await command.wrote('waiting');
  command.type('\u0003');
  await command.wrote(/waiting[^]*Interrupted\./);
  command.type('.exit\r');
  expect((await command.ended).code).toBe(0);
});

it('Ctrl+C gives the prompt back whenever it comes, and what was typed before it is forgotten', async () => {
  const command = await shell('--no-history');
  const lines = [
    'while (true);',
    'await new Promise(() => {})',
    'new Promise(() => {})',
    'await enroll(2, 6); await new Promise(() => {})',
  ];
  let number = 0;
  const isBack = async (): Promise<void> => {
    number += 1;
    command.type(`"back " + ${number}\r`);
    await command.wrote(`'back ${number}'\r\n`);
  };
  for (let round = 0; round < 5; round += 1) {
    // The signal of a Ctrl+C that comes while the code that is not awaited is just ending.
    command.type('process.kill(process.pid, "SIGINT"); await new Promise(() => {})\r');
    await isBack();
    for (const line of lines) {
      command.type(`${line}\rnever\r\u0003`);
      await isBack();

      command.type(`${line}\r`);
      command.type('\u0003');
      await isBack();

      const text = `begins ${number}`;
      command.type(`console.log("begins " + ${number}); ${line}\r`);
      await command.wrote(`${text}\r\n`);
      command.type('\u0003');
      await isBack();

      command.type(`setImmediate(() => console.log("waits " + ${number})); ${line}\r`);
      if (!line.includes('while')) await command.wrote(`waits ${number}\r\n`);
      command.type('\u0003');
      await isBack();
    }
  }
  command.type('.exit\r');
  const { code, lines: shown } = await command.ended;
  expect(code).toBe(0);
  expect(shown.filter(line => line.includes('ReferenceError'))).toEqual([]);
});

it('lines that are pasted run one after another, also those that belong together', async () => {
  const command = await shell('--no-history');
  command.type('function twice(n) {\r  return n * 2\r}\rawait enroll(2, 6)\rtwice(21)\r');
  await command.wrote('42\r\n');
  command.type('\u0004');
  const { code, lines } = await command.ended;
  expect(code).toBe(0);
  expect(lines.join('\n')).not.toContain('Error');
  expect(lines.at(-1)).toBe('Rolled back the changes of 1 line.');
});

it('with --commit the prompt says so, and each line is saved when it ends', async () => {
  const command = await shell('--commit');
  command.type('const many = await enrollMany(2, [5, 6])\r');
  await command.wrote('totalEnrollments 1 → 3');
  command.type('await unenroll(many[0]); await unenroll(many[1])\r');
  await command.wrote(/totalEnrollments 2 → 1[^]*rollcall!> /);
  command.kill();
  const { lines } = await command.ended;
  expect(lines.join('\n')).toContain('Each line is saved when it ends.');
  expect((await place.run(['verify'])).code).toBe(0);
  expect((await place.run(['shell', '-c', '(await counts(2)).totalEnrollments'])).stdout).toBe(
    '{ stored: 1, actual: 1 }\n',
  );
});

it('the lines that are typed are kept in a file that only their user can read, unless that is switched off', () => {
  expect(readFileSync(history, 'utf8')).toContain('await enroll(2, 10)');
  expect(readFileSync(history, 'utf8')).not.toContain('looping');
  expect(statSync(history).mode & 0o777).toBe(0o600);
});
