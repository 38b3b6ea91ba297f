import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.js';
import { Enrollment } from '../../src/entities/index.js';
import { placeToRun, type Place } from '../support/command-line.js';

let place: Place;

beforeEach(() => {
  place = placeToRun();
});
afterEach(() => place.leave());

function file(name: string, text: string): string {
  writeFileSync(join(place.folder, name), text);
  return name;
}

/** Adds 20 courses and 100 students without enrollments, so that ids from 1 exist. */
async function seed(): Promise<void> {
  expect(await place.run(['seed', '--courses', '20', '--students', '100', '--enrollments', '0'])).toMatchObject({
    code: 0,
    stdout: '',
  });
}

async function enrollments(): Promise<number> {
  const database = await openDatabase(place.databaseUrl);
  const count = await database.em.fork().count(Enrollment);
  await database.close(true);
  return count;
}

it('an import says what it added and, run again, that all is there', async () => {
  await seed();
  const path = file('good.csv', 'course,student\n1,10\n2,10\n');
  expect(await place.run(['import', 'enrollments', path])).toEqual({
    code: 0,
    stdout: '2 rows: 2 added, 0 already there, 0 bad.\n',
    stderr: '',
  });
  expect(await place.run(['import', 'enrollments', path])).toEqual({
    code: 0,
    stdout: '2 rows: 0 added, 2 already there, 0 bad.\n',
    stderr: '',
  });
});

it('an import reports bad rows by file, line and reason on standard error, and imports the others: exit code 1', async () => {
  await seed();
  const path = file('mixed.csv', 'course,student\n1,10\n99,10\n2,"x\n2,10\n');
  const { code, stdout, stderr } = await place.run(['import', 'enrollments', path]);
  expect(stderr).toMatch(
    /^mixed\.csv:3: UNKNOWN_COURSE: There is no course with the id 99\.\nmixed\.csv:4: QUOTING: .*\n$/,
  );
  expect(stdout).toBe(
    '4 rows: 2 added, 0 already there, 2 bad. Correct the bad rows and run the same command again.\n',
  );
  expect(code).toBe(1);
  expect(await enrollments()).toBe(2);
});

it('a strict import with a bad row writes nothing: exit code 1', async () => {
  await seed();
  const path = file('mixed.csv', 'course,student\n1,10\n99,10\n');
  const { code, stdout, stderr } = await place.run(['import', 'enrollments', '--strict', path]);
  expect(stderr).toMatch(/^mixed\.csv:3: UNKNOWN_COURSE/);
  expect(stdout).toMatch(/^Nothing was written: 1 of 2 rows are bad\./);
  expect(code).toBe(1);
  expect(await enrollments()).toBe(0);
});

it('an import of a missing file, a folder, or a file without the columns fails before a database is made', async () => {
  expect(await place.run(['import', 'enrollments', 'none.csv'])).toEqual({
    code: 1,
    stdout: '',
    stderr: 'There is no file none.csv. Check the path.\n',
  });
  expect(await place.run(['import', 'enrollments', '.'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^\. is a folder/),
  });
  expect(await place.run(['import', 'oulad', 'nowhere'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^There is no file nowhere\/courses\.csv/),
  });
  expect(existsSync(join(place.folder, 'data'))).toBe(false);
  expect(await place.run(['import', 'enrollments', file('other.csv', 'a,b\n1,2\n')])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/other\.csv has no column course and no column student/),
  });
});

it('SIGINT ends an import after the current batch and says so, and the same command goes on', async () => {
  await seed();
  const pairs = Array.from(
    { length: 2000 },
    (_, index) => `${1 + Math.floor(index / 100)},${6 + (index % 100)},completed`,
  );
  const text = `course,student,status\n${pairs.slice(0, 998).join('\n')}\n0,1,active\n${pairs.slice(998).join('\n')}\n`;
  const firstBatch = text.split('\n').slice(0, 1000).join('\n').length + 1;
  const pipe = join(place.folder, 'pipe.csv');
  spawnSync('mkfifo', [pipe]);
  const command = place.start(['import', 'enrollments', 'pipe.csv']);
  const end = await open(pipe, 'w');
  await end.write(text.slice(0, firstBatch));
  await command.says('pipe.csv:1000: UNKNOWN_COURSE');
  command.process.kill('SIGINT');
  await command.says('Stopping after this batch');
  await end.write(text.slice(firstBatch));
  await end.close();
  expect(await command.ended).toMatchObject({
    code: 1,
    stdout: 'Stopped after 999 rows: 998 added, 0 already there, 1 bad. Run the same command again to continue.\n',
  });
  expect(await enrollments()).toBe(998);
  const again = await place.run(['import', 'enrollments', file('all.csv', text)]);
  expect(again.stdout).toMatch(/^2,001 rows: 1,002 added, 998 already there, 1 bad\./);
});

it('a strict import rejects input that can be read only once', async () => {
  spawnSync('mkfifo', [join(place.folder, 'pipe.csv')]);
  expect(await place.run(['import', 'enrollments', '--strict', 'pipe.csv'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/pipe\.csv can be read only once/),
  });
});

it('a column that the chosen format does not have is wrong usage', async () => {
  const path = file('some.csv', 'course,student\n1,10\n');
  expect(await place.run(['import', 'enrollments', '--values', 'role:ta=skip', path])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^There is no column role without --from\. The columns are course, student, /),
  });
  expect(await place.run(['import', 'enrollments', '--from', 'canvas', '--map', 'status=x', path])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^There is no column status in the format canvas\./),
  });
  expect(existsSync(join(place.folder, 'data'))).toBe(false);
});
