import { expect, it } from 'vitest';
import { findTables } from '../../../src/database/schema/found-tables.js';
import { deletedFindings } from '../../../src/tools/adopt/check/deleted.js';
import { TheirDatabase } from '../../../src/tools/adopt/found/their-database.js';
import { openedInPlace } from '../../support/adopted.js';

it('rows that are marked as deleted are counted by truths, numbers and moments, unless the map reads the mark', async () => {
  const { database, map, close } = await openedInPlace('sqlite', [
    'create table users (id integer primary key, name text, email text, is_deleted bool)',
    'create table courses (id integer primary key, title text, deleted_at integer not null default 0)',
    'create table enrollments (id integer primary key, course_id integer, user_id integer, discarded_at datetime)',
    "insert into users values (1, 'Ann', 'a@x', 1), (2, 'Bob', 'b@x', 0), (3, 'Cleo', 'c@x', null)",
    "insert into courses values (1, 'Optics', 0), (2, 'Logic', 1700000000)",
    "insert into enrollments values (1, 1, 1, null), (2, 1, 2, '2024-01-31 08:15:30'), (3, 1, 3, '2024-01-31 08:15:30')",
  ]);
  const found = async (change: object = {}): Promise<(string | undefined)[]> => {
    const examined = { theirs: new TheirDatabase(database), tables: await findTables(database), map };
    const findings = await deletedFindings({ ...examined, map: { ...map, ...change } });
    return findings.map(({ message }) => /^Rows of .*?\.|^No rows .*/.exec(message)?.[0]);
  };
  expect(await found()).toEqual([
    'Rows of users that are marked as deleted, by is_deleted: 1 row.',
    'Rows of courses that are marked as deleted, by deleted_at: 1 row.',
    'Rows of enrollments that are marked as deleted, by discarded_at: 2 rows.',
  ]);
  expect(await found({ users: { ...map.users, inactive: { column: 'is_deleted', values: [1] } } })).toEqual([
    'Rows of courses that are marked as deleted, by deleted_at: 1 row.',
    'Rows of enrollments that are marked as deleted, by discarded_at: 2 rows.',
  ]);
  await close();
});
