/**
 * A new counter as docs/architecture.md adds it, in a copy of this checkout: one property, one declaration, and what
 * "npm run schema" writes. Then the new version runs on databases of this one.
 */
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dialectOf, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import { openedInPlace } from '../support/adopted.js';
import { watch, type Ended, type Running } from '../support/command-line.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers, allRows } from '../support/rows.js';
import { clientsHere, resultsOf } from '../support/sql-clients.js';
import { adopt } from '../../src/database/adoption/adopt.js';
import { mapForm } from '../../src/map/map-form.js';

const checkout = resolve(import.meta.dirname, '../..');
const copy = mkdtempSync(join(tmpdir(), 'rollcall-new-counter-'));
const built = ['package.json', 'build.js', 'rolldown.config.js', 'tsconfig.json', 'tsconfig.build.json', 'dist'];
const compared = ['src', 'schema'];

/** Inserts a text before another one in a file of the copy. */
function insertBefore(file: string, place: string, text: string): void {
  const path = join(copy, file);
  const [before, ...after] = readFileSync(path, 'utf8').split(place);
  if (after.length === 0) throw new Error(`${file} has no "${place}".`);
  writeFileSync(path, [before, [text, ...after].join(place)].join(''));
}

/** Runs a program in the copy; its standard error is shown if it fails. */
async function runInCopy(program: string, parameters: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'] };
  return (await promisify(execFile)(program, parameters, { cwd: copy, env })).stdout;
}

/** Starts a command of the new version. */
function start(
  databaseUrl: string,
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running {
  return watch(
    spawn(process.execPath, [join(copy, 'dist/cli/main.js'), ...parameters], {
      cwd: copy,
      env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl, HOST: '127.0.0.1', PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
}

let printed: string;

beforeAll(async () => {
  for (const path of [...built, ...compared])
    cpSync(join(checkout, path), join(copy, path), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(checkout, 'node_modules'), join(copy, 'node_modules'));
  insertBefore(
    'src/entities/course.ts',
    "@Index({ properties: ['isPublished'] })",
    "@Check({ name: 'core_course_left_enrollments_check', expression: 'left_enrollments >= 0' })\n",
  );
  insertBefore(
    'src/entities/course.ts',
    '  // "Date", not',
    '  @Property({ type: WholeNumber, unsigned: true, default: 0 })\n  readonly leftEnrollments: Opt<number> = 0;\n\n',
  );
  insertBefore(
    'src/entities/counters.ts',
    '];\n',
    `  {
    counter: defineCounter({
      counted: Enrollment,
      by: 'course',
      into: 'leftEnrollments',
      where: { status: { $in: [EnrollmentStatus.DROPPED, EnrollmentStatus.SUSPENDED] } },
    }),
    description: 'The stored count of DROPPED and SUSPENDED enrollments.',
  },
`,
  );
  printed = await runInCopy('npm', ['run', '--silent', 'schema']);
  await runInCopy(process.execPath, ['build.js']);
}, 300_000);

afterAll(() => rmSync(copy, { recursive: true }));

it('a new counter takes two files, and "npm run schema" writes the others', () => {
  const changed = compared.flatMap(folder =>
    readdirSync(join(copy, folder), { recursive: true, encoding: 'utf8' })
      .map(path => join(folder, path))
      .filter(path => /\.\w+$/.test(path) && !path.startsWith(join('src', 'counters', 'dist')))
      .filter(path => readFileSync(join(copy, path), 'utf8') !== readFileSync(join(checkout, path), 'utf8')),
  );
  const byHand = ['src/entities/counters.ts', 'src/entities/course.ts'];
  const scripts = readdirSync(join(checkout, 'schema/templates')).map(name => `schema/${name}`);
  const written = ['schema/rollcall.map.schema.json', 'schema/schema.graphql', 'src/migrations/added-counts.json'];
  expect(new Set(changed)).toEqual(new Set([...byHand, ...scripts, ...written]));
  expect(printed).toMatch(
    /^Added the migration \d{4}-\d\d-\d\d-left-enrollments to src\/migrations\/added-counts\.json\.\n$/,
  );
});

/** Adds three courses whose first two have enrollments of all statuses; returns their ids. */
async function fill(database: Database): Promise<number[]> {
  const courses = await addCourses(database, [{}, {}, {}]);
  const students = await addUsers(database, Role.STUDENT, 8);
  const statuses = Object.values(EnrollmentStatus);
  await addEnrollments(
    database,
    students.flatMap((student, index) =>
      courses
        .slice(0, index < 5 ? 2 : 1)
        .map(course => ({ course, student, status: statuses[index % statuses.length]! })),
    ),
  );
  return courses;
}

/** What the database's own client calls to verify the counts; null where there are no procedures. */
const calls: Readonly<Record<DatabaseKind, string | null>> = {
  sqlite: null,
  mysql: 'call verify_enrollment_counts()',
  mariadb: 'call verify_enrollment_counts()',
  postgresql: 'select verify_enrollment_counts() as mismatches',
};

describeOnEach('a version with a new counter', kind => {
  const client = clientsHere(kind)[0]!;

  it('a version with a new counter migrates a database of this version, keeps the count and verifies it everywhere', async () => {
    const { database, url, drop } = await freshDatabase(kind);
    const courses = await fill(database);
    const before = await allRows(database);
    const run = async (...parameters: readonly string[]): Promise<Ended> => start(url, parameters).ended;
    const mismatches = async (): Promise<unknown> =>
      calls[kind] === null ? undefined : (await resultsOf(client, url, calls[kind])).at(-1)![0]!['mismatches'];
    const { files } = dialectOf(database).scripts;
    const inClient = async (name: 'verify' | 'update'): Promise<unknown> =>
      (await resultsOf(client, url, readFileSync(join(copy, 'schema', files[name]), 'utf8'))).at(-1);

    expect(await run('migrate', 'up')).toMatchObject({ code: 0, stdout: expect.stringContaining('left-enrollments') });
    expect(await inClient('verify')).toEqual([{ courses: '3', mismatches: '0' }]);
    await database.em.getConnection().execute('update core_course set left_enrollments = left_enrollments + 3');
    expect(await run('verify')).toMatchObject({ code: 3, stdout: expect.stringContaining('leftEnroll') });
    expect(await inClient('verify')).toEqual([{ courses: '3', mismatches: '3' }]);
    expect(await mismatches()).toBe(calls[kind] === null ? undefined : '3');
    expect(await inClient('update')).toEqual([{ courses: '3', mismatches: '0' }]);
    const rows = await database.em
      .getConnection()
      .execute<{ n: number | string }[]>('select left_enrollments as n from core_course order by id');
    expect(rows.map(({ n }) => Number(n))).toEqual(courses.map((_, index) => [4, 2, 0][index]));
    expect(await mismatches()).toBe(calls[kind] === null ? undefined : '0');

    expect(await run('migrate', 'down')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(' permanently drops: the column core_course.left_enrollments.\n'),
    });
    expect(await allRows(database)).toEqual(before);
    expect(await mismatches()).toBe(calls[kind] === null ? undefined : '0');
    await drop();
  });
});

it('a version with a new counter serves it, also in a database of another application that this version opened', async () => {
  const map = mapForm.parse({
    version: 1,
    users: { table: 'people', columns: { id: 'id', name: 'name', email: 'mail', role: { value: 'STUDENT' } } },
    courses: {
      table: 'lessons',
      columns: { id: 'id', title: 'name', status: { value: 'ACTIVE' }, isPublished: { value: true } },
    },
    enrollments: {
      table: 'seats',
      columns: {
        id: 'id',
        course: 'lesson',
        student: 'person',
        status: { column: 'state', values: { ACTIVE: ['in'], DROPPED: ['out'] } },
      },
    },
  });
  const { url, database, close } = await openedInPlace(
    'sqlite',
    [
      'create table people (id integer not null primary key, name text not null, mail text not null)',
      'create table lessons (id integer not null primary key, name varchar(100) not null)',
      'create table seats (id integer not null primary key, lesson integer not null, person integer not null, state text not null)',
      "insert into people values (1, 'Ann', 'a@x'), (2, 'Bob', 'b@x')",
      "insert into lessons values (7, 'Optics')",
      "insert into seats values (1, 7, 1, 'in'), (2, 7, 2, 'out')",
    ],
    map,
  );
  await adopt(database, { map });
  const file = join(copy, 'map.json');
  writeFileSync(file, JSON.stringify(map));
  const env = { ROLLCALL_MAP: file };
  expect(await start(url, ['migrate', 'up'], env).ended).toMatchObject({ code: 0 });
  const server = start(url, ['serve'], env);
  const [, address] = /(http:\/\/127\.0\.0\.1:\d+)\/graphql/.exec(await server.says('/graphql'))!;
  const token = (await start(url, ['token', '--role', 'admin'], env).ended).stdout.trim();
  const response = await fetch(`${address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: '{ course(id: 7) { totalEnrollments activeEnrollments leftEnrollments } }' }),
  });
  expect(await response.json()).toEqual({
    data: { course: { totalEnrollments: 2, activeEnrollments: 1, leftEnrollments: 1 } },
  });
  const { stdout } = await start(url, ['doctor', '--url', address!], { ...env, DOCTOR_TOKEN: token }).ended;
  expect(stdout).toContain('moved the counts 0, 0, 0 → 1, 1, 0 → 0, 0, 0');
  expect(stdout).toMatch(/^ok {7}api .*graphql gives/m);
  server.process.kill('SIGTERM');
  await server.ended;
  await close();
});
