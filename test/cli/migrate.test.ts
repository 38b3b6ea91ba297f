import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.js';
import { migrationsFor } from '../../src/migrations/index.js';
import { placeToRun, type Place } from '../support/command-line.js';
import { inTerminal } from '../support/terminal.js';

it('migrations are listed, applied and undone, each said by its name', async () => {
  const place = placeToRun();
  const names = migrationsFor('sqlite').map(({ name }) => name);
  const lines = (state: string): string => names.map(name => `${state}  ${name}\n`).join('');
  expect(await place.run(['migrate', 'status'])).toEqual({ code: 0, stdout: lines('pending'), stderr: '' });
  expect(await place.run(['migrate', 'up'])).toEqual({ code: 0, stdout: names.map(name => `Applied ${name}.\n`).join(''), stderr: '' });
  expect(await place.run(['migrate', 'up'])).toEqual({ code: 0, stdout: 'Nothing is pending.\n', stderr: '' });
  expect(await place.run(['migrate', 'status'])).toMatchObject({ stdout: lines('applied') });
  for (const name of [...names].reverse()) expect(await place.run(['migrate', 'down'])).toEqual({ code: 0, stdout: `Undid ${name}.\n`, stderr: '' });
  expect(await place.run(['migrate', 'down'])).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to undo') });
  expect(await place.run(['migrate', 'status'])).toMatchObject({ stdout: lines('pending') });
  place.leave();
});

describe('migrate', () => {
  let place: Place;
  beforeEach(() => {
    place = placeToRun();
  });
  afterEach(() => place.leave());

  async function rows(): Promise<number> {
    const database = await openDatabase(place.databaseUrl);
    const [row] = await database.em.getConnection().execute<{ count: number }[]>('select count(*) as count from core_enrollments');
    await database.close(true);
    return row!.count;
  }
  /** Fills the database, and undoes all migrations but the one that made the enrollments. */
  async function fillAndUndoAllButTheFirst(): Promise<void> {
    await place.run(['seed', '--courses', '3', '--students', '5', '--enrollments', '10']);
    for (let count = migrationsFor('sqlite').length; count > 1; count--) expect(await place.run(['migrate', 'down'])).toMatchObject({ code: 0 });
  }

  it('status makes no database', async () => {
    expect(await place.run(['migrate', 'status'])).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(place.folder, 'data'))).toBe(false);
  });

  it('down says how many rows would go and does nothing without a terminal and --yes: exit code 2', async () => {
    await fillAndUndoAllButTheFirst();
    expect(await place.run(['migrate', 'down'])).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^Undoing 2026-11-22-initial deletes 10 rows of core_enrollments, 3 rows of core_course, \d+ rows of core_user, for good\.\nNothing was done\. Back the database up, then add --yes\.\n$/),
    });
    expect(await rows()).toBe(10);
    expect(await place.run(['migrate', 'down', '--yes'])).toEqual({ code: 0, stdout: 'Undid 2026-11-22-initial.\n', stderr: '' });
  });

  it.each([
    ['y', 1, 10],
    ['', 1, 10],
    ['yes', 0, null],
  ])('down asks on a terminal, and only "yes" is one: %j', async (answer, code, left) => {
    await fillAndUndoAllButTheFirst();
    const command = inTerminal(place, { cols: 80, rows: 24 }, ['migrate', 'down']);
    await command.wrote('Type "yes" to delete them: ');
    command.type(`${answer}\r`);
    expect((await command.ended).code).toBe(code);
    if (left !== null) expect(await rows()).toBe(left);
    else expect((await place.run(['migrate', 'status'])).stdout).not.toContain('applied');
  });

  it.each([['serve'], ['seed'], ['migrate', 'up']])('and what migrates leave somebody else\'s database alone: %s %s', async (...parameters) => {
    const database = await openDatabase(place.databaseUrl);
    for (const table of ['core_user', 'core_course', 'core_enrollments']) await database.em.getConnection().execute(`create table ${table} (id integer primary key, name text)`, [], 'run');
    await database.em.getConnection().execute("insert into core_course (name) values ('theirs')", [], 'run');
    await database.close(true);
    const { code, stderr } = await place.run(parameters);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^The database holds tables that Rollcall did not make: core_user, core_course, core_enrollments\. Nothing was changed\. .*\n$/)]);
    const after = await openDatabase(place.databaseUrl);
    expect(await after.em.getConnection().execute('select * from core_course')).toEqual([{ id: 1, name: 'theirs' }]);
    expect(await after.em.getConnection().execute("select name from sqlite_master where name not like 'sqlite%'")).toHaveLength(3);
    await after.close(true);
  });
});
