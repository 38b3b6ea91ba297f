import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { placeToRun, type Place } from '../support/command-line.js';
import { djangoCourses, djangoEnrollments, djangoTables, djangoUsers } from '../support/django-tables.js';

let place: Place;

beforeEach(() => {
  place = placeToRun();
});
afterEach(() => place.leave());

/** Makes the database of a Django app with two courses; returns its URL. */
function django(...more: readonly string[]): string {
  const database = new DatabaseSync(join(place.folder, 'db.sqlite3'));
  for (const statement of [
    ...djangoTables('sqlite'),
    djangoUsers([{ id: 1, role: 'teacher' }, { id: 2 }]),
    djangoCourses([{ id: 1, instructor: 1, totalEnrollments: 7 }, { id: 2 }]),
    djangoEnrollments([
      [1, 1, 2],
      [2, 2, 2, 'paid'],
    ]),
    ...more,
  ])
    database.exec(statement);
  database.close();
  return 'sqlite:db.sqlite3';
}

const mapPath = (): string => join(place.folder, 'rollcall.map.json');

it('a check needs no map, reports everything, and makes no file', async () => {
  const { code, stdout, stderr } = await place.run(['adopt', '--check', '--from', django()]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('There is no map rollcall.map.json; this is a guess. Keep it with --write-map.\n');
  expect(stdout).toContain('ok       tables        The users are in core_user, which has 2 rows.\n');
  expect(stdout).toContain(
    'warning  values        core_enrollments.status (status) has values that the map does not name: "paid" 1. A copy rejects 1 row.\n                       → Add each to the "values" of status in the map, or name an "otherwise".\n',
  );
  expect(stdout).toMatch(/\n\d+ ok, \d+ warnings, 0 failed\. Nothing was changed\.\n$/);
  expect(existsSync(mapPath())).toBe(false);
  expect(existsSync(join(place.folder, 'data'))).toBe(false);
});

it('a check of the database of DATABASE_URL prints one JSON document, with the map', async () => {
  const { code, stdout } = await place.run(['adopt', '--check', '--json'], { DATABASE_URL: django() });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    mapFile: null,
    map: { version: 1, enrollments: { table: 'core_enrollments' } },
    failed: 0,
    checks: expect.arrayContaining([expect.objectContaining({ check: 'counts', status: 'warning' })]),
  });
});

it('a written map is read, can be corrected by hand, and is never overwritten', async () => {
  const from = django();
  expect(await place.run(['adopt', '--check', '--from', from, '--write-map'])).toMatchObject({
    code: 0,
    stderr: 'Wrote the guessed map rollcall.map.json. Correct it by hand, and check again without --write-map.\n',
  });
  expect(await place.run(['adopt', '--check', '--from', from, '--write-map'])).toMatchObject({
    code: 1,
    stderr:
      'rollcall.map.json exists already, and may have been corrected by hand. Name another file with --map, or remove that one.\n',
  });
  const map = JSON.parse(readFileSync(mapPath(), 'utf8')) as {
    enrollments: { columns: { status: { values: Record<string, string[]> } } };
  };
  map.enrollments.columns.status.values['SUSPENDED'] = ['PAID'];
  writeFileSync(mapPath(), JSON.stringify(map));
  const { stdout } = await place.run(['adopt', '--check', '--from', from]);
  expect(stdout).toContain('By the map rollcall.map.json.');
  expect(stdout).toContain('SUSPENDED ← "paid" 1');
  expect(stdout).not.toContain('does not name');
});

it('a map with mistakes is refused, and each is named', async () => {
  writeFileSync(mapPath(), '{ "version": 1, "users": { "table": "core_user", "colums": {} } }');
  const { code, stderr } = await place.run(['adopt', '--check', '--from', django()]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^rollcall\.map\.json is not a map\. .*users\.columns.*"colums".*courses.*enrollments.*\n$/);
  expect(await place.run(['adopt', '--check', '--from', 'sqlite:db.sqlite3', '--map', 'no.json'])).toMatchObject({
    code: 1,
    stderr: 'There is no map no.json.\n',
  });
});

it('a map that names what does not exist is reported with what there is, and fails', async () => {
  const from = django();
  await place.run(['adopt', '--check', '--from', from, '--write-map']);
  const text = readFileSync(mapPath(), 'utf8');
  writeFileSync(
    mapPath(),
    text.replace('"instructor_id"', '"teacher_id"').replace('"core_enrollments"', '"enrolments"'),
  );
  const { code, stdout } = await place.run(['adopt', '--check', '--from', from]);
  expect(code).toBe(1);
  expect(stdout).toContain('core_course has no column teacher_id, which the map names.');
  expect(stdout).toContain('There is no table enrolments, where the map has the enrollments.');
  expect(stdout).toContain('The rows were not examined');
});

it('a copy without numbers to give refuses a file of ids, and makes none', async () => {
  const { code, stderr } = await place.run(['import', 'database', '--from', django(), '--ids', 'ids.jsonl']);
  expect({ code, stderr: stderr.split('\n').at(-2) }).toEqual({
    code: 1,
    stderr: 'Nothing was copied. All keys are numbers, and are copied as they are. Leave out --ids.',
  });
  expect(existsSync(join(place.folder, 'ids.jsonl'))).toBe(false);
});

it('a database without such tables is refused with the tables that it has', async () => {
  const database = new DatabaseSync(join(place.folder, 'other.sqlite3'));
  database.exec('create table invoice (id integer primary key)');
  database.close();
  expect(await place.run(['adopt', '--check', '--from', 'sqlite:other.sqlite3'])).toMatchObject({
    code: 1,
    stderr:
      'The tables of the users and the courses and the enrollments were not recognized among invoice. Write a map that names them, as docs/moving.md shows.\n',
  });
});

/** What a map says of the columns that Django's models require, and Rollcall does not have. */
const fill = {
  courses: {
    fill: {
      slug: { slug: '{title}-{id}' },
      description: { value: '' },
      short_description: { value: '' },
      price: { value: 0 },
      level: { value: '' },
      duration_hours: { value: 0 },
      rating: { value: 0 },
    },
  },
  enrollments: { fill: { progress: { value: 0 }, certificate_issued: { value: false } } },
};

/** Writes the guessed map, with what fills the columns that must have a value. */
async function mapOf(url: string): Promise<void> {
  await place.run(['adopt', '--check', '--write-map'], { DATABASE_URL: url });
  const map = JSON.parse(readFileSync(mapPath(), 'utf8')) as Record<keyof typeof fill, object>;
  for (const part of ['courses', 'enrollments'] as const) Object.assign(map[part], fill[part]);
  writeFileSync(mapPath(), JSON.stringify(map));
}

/** Returns the definitions of a database in a file, and the rows of Django's tables. */
function stateOf(path: string): unknown {
  const database = new DatabaseSync(join(place.folder, path), { readOnly: true });
  const all = (sql: string): unknown[] => database.prepare(sql).all();
  const state = {
    definitions: all("select sql from sqlite_master where name not like 'sqlite_%' order by name"),
    users: all('select * from core_user'),
    enrollments: all('select * from core_enrollments'),
  };
  database.close();
  return state;
}

it('adopt shows each addition with its reverse, does it with --yes, fills the counts, and takes all of it away with --undo', async () => {
  const env = { DATABASE_URL: django() };
  await mapOf(env.DATABASE_URL);
  const before = stateOf('db.sqlite3');
  const { code, stdout } = await place.run(['adopt'], env);
  expect({ code, stderr: '' }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^By the map rollcall\.map\.json\.\n/);
  expect(stdout).toContain('undo alter table `core_enrollments` drop column `rollcall_status`;');
  expect(stdout).toContain(
    'has values that the map does not name: "paid" 1. They stay as they are, and are shown as unknown.',
  );
  expect(stdout).toMatch(/\n\d+ additions\. Nothing was changed; add --yes to do it\.\n$/);
  expect(stateOf('db.sqlite3')).toEqual(before);
  const { additions } = JSON.parse((await place.run(['adopt', '--json'], env)).stdout) as { additions: object[] };

  const done = await place.run(['adopt', '--yes'], env);
  expect(done).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      new RegExp(
        `^${additions.length} additions done\\.\\n.*total_enrollments: 1\\n[^]*Completed! Updated 2 course\\(s\\) out of 2 total courses\\.\\n$`,
      ),
    ),
    stderr: expect.stringContaining(`1/${additions.length} adding the column rollcall_name of core_user\n`),
  });
  expect((await place.run(['adopt'], env)).stdout).toMatch(/\nNothing is to be added\.\n$/);
  expect(await place.run(['migrate', 'up'], env)).toMatchObject({ code: 0, stdout: 'Nothing is pending.\n' });
  expect(await place.run(['migrate', 'down', '--yes'], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('rollcall adopt --undo'),
  });

  await place.run(['counters', 'use', 'triggers'], env);
  const undo = await place.run(['adopt', '--undo'], env);
  expect(undo).toMatchObject({ code: 0, stderr: '' });
  expect(undo.stdout).toMatch(/^drops the triggers \w+(, \w+)*, as "rollcall counters use hooks" does\n/);
  expect(undo.stdout).toContain('drops the tables core_recount_changes, core_recount_runs\n');
  expect(undo.stdout).toMatch(/The history of the runs is lost.*add --yes to do it\.\n$/);
  const { removals } = JSON.parse((await place.run(['adopt', '--undo', '--json'], env)).stdout) as {
    removals: { kind: string; names: string[] }[];
  };
  expect(removals[0]).toMatchObject({ kind: 'triggers' });
  expect(await place.run(['counters', 'status'], { ...env, COUNTERS: 'triggers' })).toMatchObject({ code: 0 });
  expect(await place.run(['adopt', '--undo', '--yes'], env)).toMatchObject({
    code: 0,
    stdout: `${removals[0]!.names.length} triggers and ${additions.length} additions taken away. The database is as it was before.\n`,
  });
  expect(stateOf('db.sqlite3')).toEqual(before);
  expect(await place.run(['adopt', '--undo'], env)).toMatchObject({
    code: 1,
    stderr: 'The database was not adopted, so there is nothing to undo.\n',
  });
});

it('adopt refuses all that stands in the way at once, with what to write into the map, and changes nothing', async () => {
  const env = {
    DATABASE_URL: django(
      'alter table core_user add column rollcall_name text',
      'create table core_recount_runs (id integer)',
    ),
  };
  await place.run(['adopt', '--check', '--write-map'], env);
  const before = stateOf('db.sqlite3');
  const { code, stdout, stderr } = await place.run(['adopt', '--yes'], env);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^Nothing was changed\.\n/);
  expect(stderr).toContain('The database has the column core_user.rollcall_name, which this adoption did not make.');
  expect(stderr).toContain('The database has the table core_recount_runs, which this adoption did not make.');
  expect(stderr).toContain(
    'core_course has columns without a default, to which no field maps: slug, short_description, price, level, duration_hours, rating. Say in the map what a new row has there, such as {"courses":{"fill":{"slug":{"slug":"{title}-{id}"},',
  );
  expect(stderr).toContain(
    'core_enrollments has columns without a default, to which no field maps: progress, certificate_issued.',
  );
  expect(stateOf('db.sqlite3')).toEqual(before);
  const { refusals } = JSON.parse((await place.run(['adopt', '--json'], env)).stdout) as { refusals: string[] };
  expect(stderr).toBe(`Nothing was changed.\n${refusals.join('\n')}\n`);
});

it('adopt needs a map in a file before it changes anything, and follows it when it has changed', async () => {
  const env = { DATABASE_URL: django() };
  expect(await place.run(['adopt', '--yes'], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Write it with "rollcall adopt --check --write-map"'),
  });
  await mapOf(env.DATABASE_URL);
  expect(await place.run(['adopt', '--yes'], env)).toMatchObject({ code: 0 });
  writeFileSync(
    mapPath(),
    readFileSync(mapPath(), 'utf8').replace(
      '"status":{"column":"status","values":{',
      '"status":{"column":"status","otherwise":"DRAFT","values":{',
    ),
  );
  expect((await place.run(['adopt'], env)).stdout).toContain('anew, because the map has changed: ');
  expect(await place.run(['adopt', '--yes'], env)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^1 addition done\.\n/),
  });
});

it("what another application's database cannot have is told in words, and changes nothing", async () => {
  const env = {
    DATABASE_URL: django(
      'create table core_progress (id integer primary key, enrollment_id integer not null references core_enrollments (id))',
      'insert into core_progress values (1, 1)',
    ),
  };
  await mapOf(env.DATABASE_URL);
  await place.run(['adopt', '--yes'], env);
  const before = stateOf('db.sqlite3');
  writeFileSync(join(place.folder, 'users.csv'), 'name,email\nEve,eve@school.example\n');
  writeFileSync(join(place.folder, 'left.csv'), 'del,student,2,1\n');
  for (const [command, reason] of [
    [['import', 'users', 'users.csv'], 'The rows of core_user belong to another application'],
    [
      ['import', 'enrollments', 'left.csv', '--from', 'moodle', '--match-users', 'id', '--match-courses', 'id'],
      'Another table of the database refers to a row that was to be deleted.',
    ],
  ] as const)
    expect(await place.run([...command], env)).toMatchObject({ code: 1, stderr: expect.stringContaining(reason) });
  expect(stateOf('db.sqlite3')).toEqual(before);
});

it('options of adopt that contradict each other are wrong usage', async () => {
  for (const options of [
    ['--check', '--yes'],
    ['--check', '--undo'],
    ['--from', 'sqlite:x.sqlite3'],
    ['--write-map', '--yes'],
  ])
    expect(await place.run(['adopt', ...options])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--check'),
    });
});

it('an import of a database copies its rows into a new database, and names what it leaves out', async () => {
  const from = django();
  expect(await place.run(['import', 'database', '--from', from])).toEqual({
    code: 1,
    stdout: [
      'core_user: 2 rows: 2 added, 0 already there, 0 rejected.',
      'core_course: 2 rows: 2 added, 0 already there, 0 rejected.',
      'core_enrollments: 2 rows: 1 added, 0 already there, 1 rejected.',
      'Correct the rejected rows or the map, and run the same command again.',
      '',
    ].join('\n'),
    stderr: expect.stringContaining(
      'core_enrollments 2: UNKNOWN_VALUE: The status (status) is "paid", which the map does not name.\n',
    ),
  });
  expect(await place.run(['verify'])).toMatchObject({ code: 0 });
});

it('an import is refused, and makes no database, by a map whose columns do not exist or whose ids are not unique', async () => {
  const from = django();
  await place.run(['adopt', '--check', '--from', from, '--write-map']);
  const text = readFileSync(mapPath(), 'utf8');
  for (const [name, wrong, message] of [
    ['instructor_id', 'teacher_id', 'core_course has no column teacher_id, which the map names.'],
    ['"id": "id"', '"id": "duration_hours"', 'core_course.duration_hours has no unique key'],
    ['"id": "id"', '"id": "price"', 'core_course.price has the type numeric(10, 2), from which no id can be read.'],
    [
      '"id": "id"',
      '"id": "slug"',
      'core_enrollments.course_id has the type bigint, but core_course.slug, to which it refers, has varchar(220).',
    ],
  ] as const) {
    const [users, rest] = text.split('"courses"');
    writeFileSync(mapPath(), `${users}"courses"${rest!.replace(name, wrong)}`);
    const { code, stdout, stderr } = await place.run(['import', 'database', '--from', from]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^Nothing was copied\. /);
    expect(stderr).toContain(message);
  }
  expect(existsSync(join(place.folder, 'data'))).toBe(false);
});

it('a failure names the setting and the database that failed, and no other', async () => {
  const from = 'mysql://reader@127.0.0.1:9/django';
  const tried = await place.run(['import', 'database', '--from', from]);
  expect(tried).toMatchObject({ code: 1, stdout: '' });
  expect(tried.stderr).toMatch(
    /^The database does not answer \(\w+\)\. Start it, or correct --from \(mysql:\/\/reader@127\.0\.0\.1:9\/django\)\.\n$/,
  );
  const ours = await place.run(['import', 'database', '--from', django()], {
    DATABASE_URL: 'mysql://app@127.0.0.1:9/ours',
  });
  expect(ours.stderr).toMatch(/Start it, or correct DATABASE_URL \(mysql:\/\/app@127\.0\.0\.1:9\/ours\)\.\n$/);
  expect(await place.run(['adopt', '--check', '--from', 'oracle://db/django'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^--from is "oracle:\/\/db\/django"\. Give /),
  });
  expect(await place.run(['adopt', '--check'], { DATABASE_URL: 'sqlite:none.sqlite3' })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^There is no database file .*none\.sqlite3\. Correct DATABASE_URL\.\n$/),
  });
});

it('a password in --from is refused, because everybody on the machine can see it', async () => {
  for (const from of [
    'mysql://reader:secret@127.0.0.1/django',
    'postgresql://reader@127.0.0.1/django?password=secret',
  ]) {
    const { code, stdout, stderr } = await place.run(['import', 'database', '--from', from]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^Leave the password out of --from.*FROM_PASSWORD/);
    expect(stderr).not.toContain('secret');
  }
  expect(existsSync(join(place.folder, 'data'))).toBe(false);
});

it('an import from the database itself, or from a file that does not exist, is refused and makes no database', async () => {
  expect(await place.run(['import', 'database', '--from', place.databaseUrl])).toMatchObject({
    code: 1,
    stderr: '--from is the database of DATABASE_URL. Copy into a database of its own.\n',
  });
  const { code, stderr } = await place.run(['import', 'database', '--from', 'sqlite:nowhere.sqlite3']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^There is no database file .*nowhere\.sqlite3\./);
  expect(existsSync(join(place.folder, 'data'))).toBe(false);
});
