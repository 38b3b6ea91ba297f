import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyText, type KeyForm } from '../../src/entities/index.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { runNatively } from '../random/other-databases/native.js';
import { placeToRun } from '../support/command-line.js';
import { describeOnEach, freshUrl } from '../support/databases.js';
import { clientsHere, pipeTo } from '../support/sql-clients.js';
import { keyOfForm, shownOfForm, sqlKeyOfForm, uuidSchool } from '../support/uuid-school.js';

/** The form of the keys on each database: those in which keys differ most from what is shown, or are their own type. */
const forms: Readonly<Record<DatabaseKind, KeyForm>> = {
  sqlite: 'uuid-hex',
  mysql: 'uuid-binary',
  mariadb: 'uuid',
  postgresql: 'uuid',
};

describeOnEach('the commands on a database of another application with UUIDs', kind => {
  const form = forms[kind];
  const { url, drop } = freshUrl(kind);
  const place = placeToRun();
  const course = (number: number): string => shownOfForm(form, number);
  const user = (number: number): string => shownOfForm(form, number);
  const run = (...words: string[]) => place.run(words, { DATABASE_URL: url });
  const succeed = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(...words);
    expect({ words, code, stdout: code === 0 ? '' : stdout, stderr: code === 0 ? '' : stderr }).toEqual({
      words,
      code: 0,
      stdout: '',
      stderr: '',
    });
    // What half a character becomes, which marks keys that are bytes.
    expect(stdout).not.toContain('\uFFFD');
    return stdout;
  };

  beforeAll(async () => {
    await runNatively(kind, url, uuidSchool(kind, [form, form, form]));
    expect(await succeed('adopt', '--check', '--write-map')).toContain('In place, UUIDs stay as they are.');
    const path = join(place.folder, 'rollcall.map.json');
    const map = JSON.parse(readFileSync(path, 'utf8')) as { courses: { columns: { status: { values: object } } } };
    Object.assign(map.courses.columns.status.values, { DRAFT: ['draft'] });
    writeFileSync(path, JSON.stringify(map));
    expect(await succeed('adopt', '--yes')).toContain(`(ID: ${course(1)}) - `);
  });
  afterAll(async () => {
    place.leave();
    await drop();
  });

  it('verify, recount and show the courses that are named, and refuse numbers', async () => {
    await runNatively(kind, url, [
      `update courses set total_enrollments = 9 where id = ${sqlKeyOfForm(kind, form, 2)}`,
    ]);
    const verified = await run('verify', '--course-id', course(2).toUpperCase(), '--json');
    expect(verified.code).toBe(3);
    expect(JSON.parse(verified.stdout.split('\n')[0]!)).toMatchObject({ courseId: course(2), stored: 9, actual: 1 });
    expect(await succeed('recount', '--course-id', course(2).replaceAll('-', ''))).toContain(
      `Updated course "Course 2" (ID: ${course(2)}) - total_enrollments: 1`,
    );
    const runs = JSON.parse((await succeed('runs', 'list', '--json')).split('\n')[0]!);
    const shown = await succeed('runs', 'show', String(runs.id));
    expect(shown).toContain(course(2));
    expect(await run('verify', '--course-id', '2')).toMatchObject({
      code: 1,
      stderr: '--course-id 2 names no row: ids of courses are UUIDs in this database.\n',
    });
    expect(await run('verify', '--course-id', 'two')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Give a whole number from 1, or a UUID where ids are UUIDs.'),
    });
    expect(await succeed('verify')).toContain('all counts match');
  });

  it('enroll in a shell, give tokens, and export and import ids', async () => {
    expect(await succeed('shell', '--eval', `await unenroll(await enroll('${course(3)}', '${user(8)}'))`)).toBe('');
    const told = await run('shell', '--as', user(1), '--eval', `await enroll('${course(3).toUpperCase()}', 7)`);
    expect(told).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Give a user by its id or as an entity, and not 7. Ids are UUIDs.'),
    });
    const token = await succeed('token', '--role', 'student', '--user', user(2).toUpperCase());
    expect(JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())).toMatchObject({ sub: user(2) });
    const exported = await succeed('export', 'enrollments', '--ids');
    expect(exported).toContain(`${course(1)},${user(7)},active`);
    writeFileSync(
      join(place.folder, 'more.csv'),
      `course,student\n${course(3)},${user(8)}\n${course(1)},${user(2)}\n99,1\n`,
    );
    const imported = await run('import', 'enrollments', 'more.csv');
    expect(imported.stdout + imported.stderr).toContain('99');
    expect(imported.code).toBe(1);
    expect(
      JSON.parse((await succeed('verify', '--course-id', course(3), '--all', '--json')).split('\n')[0]!),
    ).toMatchObject({
      courseId: course(3),
      stored: 1,
      result: 'MATCH',
    });
  });

  it('back up and restore counts, and find nothing amiss', async () => {
    await succeed('backup', 'counts.jsonl');
    await runNatively(kind, url, [
      `update courses set total_enrollments = 50 where id = ${sqlKeyOfForm(kind, form, 1)}`,
    ]);
    const { stdout } = await run('restore', 'counts.jsonl', '--dry-run');
    expect(stdout).toContain(course(1));
    await succeed('restore', 'counts.jsonl');
    expect(await succeed('verify')).toContain('all counts match');
    const doctor = await run('doctor');
    const amiss = doctor.stdout.split('\n').filter(line => line.startsWith('failed'));
    expect({ amiss, code: doctor.code }).toEqual({ amiss: [], code: 0 });
  });

  it('write SQL scripts that verify and repair', async () => {
    const [client] = clientsHere(kind);
    await runNatively(kind, url, [
      `update courses set total_enrollments = 9 where id = ${sqlKeyOfForm(kind, form, 1)}`,
    ]);
    const script = await succeed('sql', 'update');
    const { code, stdout, stderr } = await pipeTo(client!, url, script).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(keyText(keyOfForm(form, 1)));
    expect(await succeed('verify')).toContain('all counts match');
  });
});
