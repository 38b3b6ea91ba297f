import { describe, expect, it } from 'vitest';
import { openToAdopt, type Database } from '../../../src/database/database.js';
import { findTables } from '../../../src/database/schema/found-tables.js';
import type { DatabaseMap } from '../../../src/map/map-form.js';
import { TheirDatabase } from '../../../src/tools/adopt/found/their-database.js';
import { guessedMap } from '../../../src/tools/adopt/map/load-map.js';
import { runNatively } from '../../random/other-databases/native.js';
import { freshUrl } from '../../support/databases.js';

/** Returns the map that is guessed for tables; `key` makes the enrollments refer to a table of users. */
async function guessed(
  statements: readonly string[],
  key: { column: string; table: string } | null = null,
  courseColumns = "status text default 'draft'",
): Promise<DatabaseMap> {
  const { url, drop } = freshUrl('sqlite');
  const referring = key === null ? '' : `, foreign key (${key.column}) references ${key.table} (id)`;
  await runNatively('sqlite', url, [
    `create table course (id integer primary key, title text not null${courseColumns && `, ${courseColumns}`})`,
    `create table enrollment (id integer primary key, course_id integer not null, user_id integer not null, student_id integer${referring})`,
    ...statements,
  ]);
  let database: Database | undefined;
  try {
    database = await openToAdopt(url);
    return await guessedMap(new TheirDatabase(database), await findTables(database));
  } finally {
    await database?.close(true);
    await drop();
  }
}

const people = (name: string): string => `create table ${name} (id integer primary key, name text, email text)`;

describe('the table of users', () => {
  it.each([
    ['a whole name before one with a prefix of another word', ['students', 'app_user'], 'app_user'],
    ['users before accounts, and accounts before members', ['member', 'accounts', 'users'], 'users'],
    ['any letter case', ['Core_CustomUser', 'members'], 'Core_CustomUser'],
    ['whole words alone', ['superuser', 'my_account'], 'my_account'],
  ])('the table of users is recognized by its name where nothing refers to it: %s', async (_, tables, users) => {
    expect((await guessed(tables.map(people))).users.table).toBe(users);
  });

  it('the table of users is a table before a view of a likelier name', async () => {
    const map = await guessed([people('members'), 'create view app_user as select * from members']);
    expect(map.users.table).toBe('app_user');
    const named = await guessed([people('b_user'), 'create view a_user as select * from b_user']);
    expect(named.users.table).toBe('b_user');
  });

  it('the table of users is the one to which the enrollments refer, whatever its name, by the likeliest of their columns', async () => {
    const tables = [people('auth_user'), people('people')];
    expect((await guessed(tables, { column: 'user_id', table: 'people' })).users.table).toBe('people');
    expect((await guessed(tables, { column: 'course_id', table: 'auth_user' })).users.table).toBe('auth_user');
  });
});

describe('the mark of published courses', () => {
  const published = async (columns: string, rows: readonly string[] = []): Promise<unknown> =>
    (await guessed([people('users'), ...rows], null, columns)).courses.columns.isPublished;
  const add = (status: string): string => `insert into course (title, status) values ('A', '${status}')`;

  it('the mark of published courses is a column of its own where there is one, and not the status', async () => {
    expect(await published('status text, is_published bool not null default 0', [add('published')])).toBe(
      'is_published',
    );
  });

  it('the mark of published courses is the status where there is no such column: true by the words that mean an open course, and false for all others', async () => {
    expect(await published('status text', [add('Published'), add('draft'), add('live'), add('odd')])).toEqual({
      column: 'status',
      values: { true: expect.toSatisfy((words: string[]) => words.toSorted().join() === 'live,published') },
      otherwise: 'false',
    });
  });

  it('the mark of published courses is true for all where no status says so', async () => {
    expect(await published('status text', [add('draft')])).toEqual({ value: true });
    expect(await published('')).toEqual({ value: true });
  });
});
