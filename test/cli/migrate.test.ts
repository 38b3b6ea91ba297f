import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dialects } from '../../src/database/dialects/dialects.js';
import { openDatabase } from '../../src/database/database.js';
import { placeToRun, type Place } from '../support/command-line.js';
import { inTerminal } from '../support/terminal.js';

it('migrations are listed, applied and undone, each by its name', async () => {
  const place = placeToRun();
  const names = dialects.sqlite.schema.migrations.map(({ name }) => name);
  const lines = (state: string): string => names.map(name => `${state}  ${name}\n`).join('');
  expect(await place.run(['migrate', 'status'])).toEqual({ code: 0, stdout: lines('pending'), stderr: '' });
  expect(await place.run(['migrate', 'up'])).toEqual({
    code: 0,
    stdout: names.map(name => `Applied ${name}.\n`).join(''),
    stderr: '',
  });
  expect(await place.run(['migrate', 'up'])).toEqual({ code: 0, stdout: 'Nothing is pending.\n', stderr: '' });
  expect(await place.run(['migrate', 'status'])).toMatchObject({ stdout: lines('applied') });
  for (const name of names.toReversed())
    expect(await place.run(['migrate', 'down'])).toEqual({
      code: 0,
      stdout: `Undid ${name}.\n`,
      stderr: expect.stringMatching(
        new RegExp(
          `^Undoing ${name} permanently drops: the (?:table core_\\w+ with 0 rows|index core_\\w+)(?:, .*)?\\.\\n$`,
        ),
      ),
    });
  expect(await place.run(['migrate', 'down'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('nothing to undo'),
  });
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
    const [row] = await database.em
      .getConnection()
      .execute<{ count: number }[]>('select count(*) as count from core_enrollments');
    await database.close(true);
    return row!.count;
  }
  /** Fills the database, and undoes all migrations but the one that made the enrollments. */
  async function fillAndUndoAllButTheFirst(): Promise<void> {
    await place.run(['seed', '--courses', '3', '--students', '5', '--enrollments', '10']);
    for (let count = dialects.sqlite.schema.migrations.length; count > 1; count--)
      expect(await place.run(['migrate', 'down'])).toMatchObject({ code: 0 });
  }

  it('migrate status makes no database', async () => {
    expect(await place.run(['migrate', 'status'])).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(place.folder, 'data'))).toBe(false);
  });

  it('migrate down says how many rows would be deleted and does nothing without a terminal and --yes: exit code 2', async () => {
    await fillAndUndoAllButTheFirst();
    expect(await place.run(['migrate', 'down'])).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^Undoing 2026-11-22-initial permanently drops: the table core_enrollments with 10 rows, the table core_course with 3 rows, the table core_user with \d+ rows\.\nNothing was done\. Back up the database, then add --yes\.\n$/,
      ),
    });
    expect(await rows()).toBe(10);
    expect(await place.run(['migrate', 'down', '--yes'])).toEqual({
      code: 0,
      stdout: 'Undid 2026-11-22-initial.\n',
      stderr: expect.stringMatching(/^Undoing 2026-11-22-initial permanently drops/),
    });
  });

  it.each([
    ['y', 1, 10],
    ['', 1, 10],
    ['Ctrl+C', 1, 10],
    ['Ctrl+D', 1, 10],
    ['yes', 0, null],
  ])('migrate down asks on a terminal, and accepts only "yes": %j', async (answer, code, left) => {
    await fillAndUndoAllButTheFirst();
    const command = inTerminal(place, { cols: 80, rows: 24 }, ['migrate', 'down']);
    await command.wrote('Type "yes" to delete them: ');
    const keys: Record<string, string> = { 'Ctrl+C': '\u0003', 'Ctrl+D': '\u0004' };
    command.type(keys[answer] ?? `${answer}\r`);
    const ended = await command.ended;
    expect(ended.code).toBe(code);
    if (code !== 0) expect(ended.lines.join('\n').trim()).toMatch(/\nNothing was done\.$/);
    if (left !== null) expect(await rows()).toBe(left);
    else expect((await place.run(['migrate', 'status'])).stdout).not.toContain('applied');
  });

  it.each([['serve'], ['seed'], ['migrate', 'up'], ['migrate', 'status'], ['verify']])(
    "commands leave somebody else's file unchanged to the byte: %s %s",
    async (...parameters) => {
      const path = place.databaseUrl.slice('sqlite:'.length);
      mkdirSync(dirname(path), { recursive: true });
      const theirs = new DatabaseSync(path);
      for (const table of ['core_user', 'core_course', 'core_enrollments'])
        theirs.exec(`create table ${table} (id integer primary key, name text)`);
      theirs.exec("insert into core_course (name) values ('theirs')");
      theirs.close();
      const before = readFileSync(path);
      const { code, stderr } = await place.run(parameters);
      if (parameters[0] === 'verify') expect(code).toBe(1);
      else if (parameters[1] === 'status') expect(code).toBe(0);
      else
        expect([code, stderr]).toEqual([
          1,
          expect.stringMatching(
            /^The database contains tables that Rollcall did not make: core_user, core_course, core_enrollments\. Nothing was changed\. .*\n$/,
          ),
        ]);
      expect(readFileSync(path).equals(before)).toBe(true);
      expect(readdirSync(dirname(path))).toEqual([basename(path)]);
    },
  );

  it('migrate up alone leaves a database empty, and serve fills no existing one and says how', async () => {
    await place.run(['migrate', 'up']);
    const server = place.start(['serve']);
    await server.says('Rollcall is ready');
    expect(await rows()).toBe(0);
    server.process.kill('SIGTERM');
    expect((await server.ended).stderr).toContain(
      'The database is not new, but has no users and no courses. "rollcall seed" fills it with sample data.\n',
    );
    expect(await place.run(['seed', '--courses', '1', '--students', '2', '--enrollments', '2'])).toMatchObject({
      code: 0,
    });
    expect(await rows()).toBe(2);
  });

  it('seed adds nothing to existing users and courses without a terminal and --yes: exit code 2', async () => {
    const seed = ['seed', '--courses', '1', '--students', '2', '--enrollments', '2'];
    expect(await place.run(seed)).toMatchObject({ code: 0 });
    expect(await place.run(seed)).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'The database holds 4 users and 1 course. Sample data would be mixed with them, and cannot be removed again.\nNothing was added. To add sample data anyway, give --yes.\n',
    });
    expect(await rows()).toBe(2);
    expect(await place.run([...seed, '--yes'])).toMatchObject({ code: 0 });
    expect(await rows()).toBe(4);
  });
});
