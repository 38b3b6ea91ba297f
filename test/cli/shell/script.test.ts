import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/database/database.js';
import { placeToRun, watch, type Ended, type Place } from '../../support/command-line.js';

const main = resolve(import.meta.dirname, '../../../dist/cli/main.js');

let place: Place;
beforeAll(async () => {
  place = placeToRun();
  await place.run(['seed', '--courses', '2', '--students', '10', '--enrollments', '0']);
  await place.run(['shell', '--commit', '-c', "await createCourse({ title: 'Algebra', capacity: 2 })"]);
});
afterAll(() => place.leave());

/** Runs code, and returns what came of it. */
function run(code: string, ...flags: string[]): Promise<Ended> {
  return place.run(['shell', ...flags, '--eval', code]);
}

/** Gives lines to a shell of its own process, as a pipe does. */
function piped(lines: readonly string[], ...flags: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [main, 'shell', ...flags], {
    cwd: place.folder,
    env: { PATH: process.env['PATH']!, DATABASE_URL: place.databaseUrl },
  });
  child.stdin.end(`${lines.join('\n')}\n`);
  return watch(child).ended;
}

/** Returns the stored and the actual count of all enrollments of course 3, which has no others. */
async function counts(): Promise<string> {
  return (await run('Object.values((await counts(3)).totalEnrollments).join()')).stdout.trim();
}

it('code prints its value, tells what it did to the counts, and keeps nothing', async () => {
  const { code, stdout, stderr } = await run('const one = await enroll(3, 10); one');
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr:
      'Course 3 "Algebra": totalEnrollments 0 → 1, activeEnrollments 0 → 1\nRolled back; --commit keeps the changes.\n',
  });
  expect(stdout).toMatch(
    /^Enrollment \{\n {2}id: \d+,\n {2}course: Course \{ id: 3 \},\n {2}student: User \{ id: 10 \},\n {2}status: 'active',/,
  );
  expect(await counts()).toBe("'0,0'");
});

it('a script is kept as a whole by --commit, or not at all', async () => {
  const failed = await run('await enroll(3, 9); await enroll(3, 9)', '--commit');
  expect(failed).toMatchObject({ code: 1 });
  expect(failed.stderr).toContain('ALREADY_ENROLLED: Student 9 is enrolled in course 3 "Algebra" already.\n');
  expect(await counts()).toBe("'0,0'");
  expect(await run('await enroll(3, 9); undefined', '--commit')).toMatchObject({ code: 0, stdout: '' });
  expect(await counts()).toBe("'1,1'");
  expect(await run('await unenroll(await first(Enrollment, { course: 3 }))', '--commit')).toMatchObject({ code: 0 });
  expect(await counts()).toBe("'0,0'");
});

it('lines of a pipe run one after another, and the first error is the end', async () => {
  const ended = await piped(
    [
      'const course = await first(Course, { title: "Algebra" })',
      'console.log(`Before: ${course.totalEnrollments}`)',
      'const enrollment = await enroll(course, 8)',
      'await refresh(course); console.log(`After create: ${course.totalEnrollments}`)',
      'function after(it) {',
      '  return `After ${it}: ${course.totalEnrollments}`',
      '}',
      'await unenroll(enrollment)',
      'await refresh(course); after("delete")',
      'nonsense',
      'console.log("never")',
    ],
    '--commit',
  );
  expect(ended.code).toBe(1);
  expect(ended.stdout).toBe("Before: 0\nAfter create: 1\n'After delete: 0'\n");
  expect(ended.stderr).toBe(
    'Course 3 "Algebra": totalEnrollments 0 → 1, activeEnrollments 0 → 1\nCourse 3 "Algebra": totalEnrollments 1 → 0, activeEnrollments 1 → 0\nReferenceError: nonsense is not defined\n',
  );
});

describe('an error of code', () => {
  it.each([
    ['await enroll(3, 99999)', 'NOT_FOUND: Student 99999 does not exist.'],
    ['await enroll("3", 1)', 'Give a course by its id or as an entity, and not "3".'],
    ['await setEnrollmentStatus(1, "gone")', 'Give one of active, completed, dropped, suspended, and not "gone".'],
    [
      "await createCourse({ titel: 'x' })",
      'There is no titel. Give title, description, status, isPublished, capacity, instructorId.',
    ],
    ['const c = await first(Course); c.totalEnrollments = 5; await em.flush()', 'COUNTER_ASSIGNED'],
    ['await em.execute("select * from nowhere")', 'TableNotFoundException: no such table: nowhere'],
    ['enroll(3, 99999); 5', 'NOT_FOUND: Student 99999 does not exist.'],
    ['Promise.reject(new Error("lost")); 5', 'Error: lost'],
    [
      'setImmediate(() => { throw new Error("late") }); await new Promise(then => setImmediate(() => setImmediate(then)))',
      'Error: late',
    ],
    ['await em.begin()', 'em.begin() would leave the session.'],
    ['const [', 'SyntaxError: '],
    ['const const', "SyntaxError: Unexpected token 'const'"],
  ])('%s', async (code, message) => {
    const ended = await run(code);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toContain(message);
    expect(ended.stderr).not.toContain('    at ');
  });
});

it('--as acts as that user, with the rights that the user has', async () => {
  const [student] = (await run("String((await first(User, { role: 'student' })).id)")).stdout.match(/\d+/)!;
  expect((await run('await createCourse({ title: "Mine" })', '--as', student)).stderr).toBe(
    'FORBIDDEN: Only teachers and admins may do this.\n',
  );
  expect((await run('(await enroll(1)).student.id', '--as', student)).stdout).toBe(`${student}\n`);
  expect(await run('1', '--as', '99999')).toMatchObject({
    code: 1,
    stderr: 'User 99999 does not exist. Give the id of another user in --as.\n',
  });
});

it('a shell refuses a database that is not migrated, one of another application, and triggers that it does not expect', async () => {
  const empty = `sqlite:${join(place.folder, 'empty.sqlite')}`;
  writeFileSync(join(place.folder, 'empty.sqlite'), '');
  const refused = (await place.run(['shell', '-c', '1'], { DATABASE_URL: empty })).stderr;
  expect(refused).toMatch(/^The database lacks \d+ migrations of this version, such as .* "rollcall migrate up"\.\n$/);
  const theirs = await openDatabase(empty);
  await theirs.em.execute('create table core_course (id integer primary key)');
  await theirs.close(true);
  expect((await place.run(['shell', '-c', '1'], { DATABASE_URL: empty })).stderr).toContain('did not make');
  expect((await place.run(['shell', '-c', '1'], { COUNTERS: 'triggers' })).stderr).toContain('Install them first');
});
