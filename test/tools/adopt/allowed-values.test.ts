import { expect, it } from 'vitest';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { findTables } from '../../../src/database/schema/found-tables.js';
import { TheirDatabase } from '../../../src/tools/adopt/found/their-database.js';
import { keptValues } from '../../../src/tools/adopt/place/kept-values.js';
import { openedInPlace } from '../../support/adopted.js';
import { describeOnEach } from '../../support/databases.js';

/** The type of a column that has some of three values only; on PostgreSQL and SQLite as Laravel writes it. */
const statusType: Readonly<Record<DatabaseKind, string>> = {
  sqlite: `varchar check ("status" in ('enrolled', 'on hold', 'it''s new')) not null`,
  mysql: "enum('enrolled', 'on hold', 'it''s new') not null",
  mariadb: "enum('enrolled', 'on hold', 'it''s new') not null",
  postgresql: `varchar(255) check ("status" in ('enrolled', 'on hold', 'it''s new')) not null`,
};

describeOnEach('a guess', kind => {
  it('a guess names the values that the database allows, if no row has them yet, and tells which of ours have none', async () => {
    const key = 'bigint not null primary key';
    const { database, map, close } = await openedInPlace(kind, [
      `create table users(\n\tid ${key},\n\tname varchar(50),\n\temail varchar(50))`,
      `create table courses(id ${key}, name varchar(50), published ${kind === 'postgresql' ? 'boolean' : 'tinyint(1)'})`,
      `create table enrollments(id ${key}, course_id bigint not null, user_id bigint not null, status ${statusType[kind]})`,
      'insert into courses (id) values (1)',
      ...(kind === 'postgresql'
        ? ["create type mood as enum ('calm', 'it''s fun')", 'alter table courses add column mood mood']
        : []),
    ]);
    try {
      expect(map.enrollments.columns.status).toEqual({
        column: 'status',
        values: { ACTIVE: ['enrolled'], SUSPENDED: ['on hold'] },
      });
      // Lists have an order of titles, so none of these is empty.
      expect(map.courses.columns.title).toEqual({ firstOf: ['name', { template: 'Course {id}' }] });
      const tables = await findTables(database);
      expect(tables.get('enrollments')!.columns.get('status')).toMatchObject({
        family: 'text',
        allowed: ['enrolled', 'on hold', "it's new"],
      });
      if (kind === 'postgresql')
        expect(tables.get('courses')!.columns.get('mood')).toMatchObject({
          family: 'text',
          labels: ['calm', "it's fun"],
          allowed: ['calm', "it's fun"],
        });
      const examined = { theirs: new TheirDatabase(database), tables, map };
      expect(await keptValues(examined)).toContain(
        'enrollments.status (status) has no value for COMPLETED, DROPPED, by the map. A change to one of these is NOT_WRITABLE.',
      );
    } finally {
      await close();
    }
  });
});
