import { expect, it } from 'vitest';
import { dialects } from '../../src/database/dialects/dialects.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { dialectOf, openDatabase, type Database } from '../../src/database/database.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { findSchema } from '../../src/database/schema/own-schema.js';
import {
  courseListIndexes,
  courseOrderIndexes,
  pageIndexes,
  type AddedIndexes,
} from '../../src/migrations/added-indexes.js';
import { describeOnFirstThree, freshUrl } from '../support/databases.js';
import { migrateUntilKilled } from '../support/killed-migration.js';
import { allRows } from '../support/rows.js';

const migrations: [string, AddedIndexes][] = [
  ['2026-11-28-page-indexes', pageIndexes],
  ['2026-11-29-course-order-index', courseOrderIndexes],
  ['2026-11-29-course-list-indexes', courseListIndexes],
];

describeOnFirstThree('a migration that builds indexes', kind => {
  it.each(migrations)(
    'the migration %s keeps all rows of a database that the version before made, and is undone without a loss',
    async (name, added) => {
      const { url, drop } = freshUrl(kind);
      const database = await olderDatabase(kind, url, name);
      const before = await allRows(database);
      expect(await migrateUp(database)).toEqual(upFrom(kind, name));
      expect(await allRows(database)).toEqual(before);
      expect(await built(database, added)).toEqual(added.indexes.map(index => index.name).toSorted());
      expect(await database.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
      for (const later of upFrom(kind, name).toReversed()) await database.migrator.down(later);
      expect(await built(database, added)).toEqual([]);
      expect(await allRows(database)).toEqual(before);
      await database.close(true);
      await drop();
    },
  );

  it.each(migrations)('the migration %s builds each index by a statement of its own', async (name, added) => {
    const { url, drop } = freshUrl(kind);
    const database = await olderDatabase(kind, url, name);
    const statements: string[] = [];
    database.config.set('onQuery', sql => {
      if (added.indexes.some(index => sql.includes(index.name))) statements.push(sql);
      return sql;
    });
    await migrateUp(database);
    expect(statements).toHaveLength(added.indexes.length);
    await database.close(true);
    await drop();
  });

  it.each(migrations)(
    'the migration %s is completed by the next run when it was interrupted before it was recorded',
    async (name, added) => {
      const { url, drop } = freshUrl(kind);
      const database = await olderDatabase(kind, url, name);
      database.config.set('onQuery', sql => {
        if (/^insert into .?rollcall_migrations/i.test(sql)) throw new Error('broken off');
        return sql;
      });
      await expect(migrateUp(database)).rejects.toThrow('broken off');
      database.config.set('onQuery', sql => sql);
      // SQLite rolls the indexes back; the others have built all of them.
      expect(await built(database, added)).toHaveLength(kind === 'sqlite' ? 0 : added.indexes.length);
      expect(await migrateUp(database)).toEqual(upFrom(kind, name));
      expect(await built(database, added)).toHaveLength(added.indexes.length);
      expect((await findSchema(database)).pending).toEqual([]);
      await database.close(true);
      await drop();
    },
  );

  it.each(migrations)(
    'the migration %s is completed by the next run after kill -9 while it built them',
    async (name, added) => {
      const { url, drop } = freshUrl(kind);
      const database = await olderDatabase(kind, url, name);
      const before = await allRows(database);
      // All of them are there but the last: SQLite has built them in a transaction.
      const begins = kind === 'sqlite' ? 'create index' : 'alter table';
      await migrateUntilKilled(url, { begins, n: added.indexes.length });
      expect((await findSchema(database)).pending.map(one => one.name)).toEqual(upFrom(kind, name));
      expect(await migrateUp(database)).toEqual(upFrom(kind, name));
      expect(await built(database, added)).toHaveLength(added.indexes.length);
      expect((await findSchema(database)).pending).toEqual([]);
      expect(await allRows(database)).toEqual(before);
      await database.close(true);
      await drop();
    },
  );

  it.each(migrations)(
    'the migration %s adopts an index that was made by hand, and is rejected before it changes anything where one has other columns',
    async (name, added) => {
      const { url, drop } = freshUrl(kind);
      const database = await olderDatabase(kind, url, name);
      const wrong = added.indexes.at(-1)!.name;
      const right = added.indexes.slice(0, -1).slice(0, 1);
      for (const index of right)
        await run(database, `create index ${index.name} on ${added.table} (${index.columns.join(', ')})`);
      await run(database, `create index ${wrong} on ${added.table} (updated_at, id)`);
      await expect(migrateUp(database)).rejects.toMatchObject({
        code: 'MIGRATION_REFUSED',
        message: expect.stringContaining(`${wrong} exists with other columns: updated_at, id`),
      });
      expect(await built(database, added)).toEqual([...right.map(index => index.name), wrong].toSorted());
      await run(database, `drop index ${wrong}${kind === 'sqlite' ? '' : ` on ${added.table}`}`);
      expect(await migrateUp(database)).toEqual(upFrom(kind, name));
      expect(await built(database, added)).toHaveLength(added.indexes.length);
      await database.close(true);
      await drop();
    },
  );
});

/** Returns a database as the version before this migration made it, with a few rows. */
async function olderDatabase(kind: DatabaseKind, url: string, name: string): Promise<Database> {
  const database = await openDatabase(url);
  const names = namesOf(kind);
  await database.migrator.up({ migrations: names.slice(0, names.indexOf(name)) });
  const at = kind === 'sqlite' ? '1767225600000' : "'2026-01-02 03:04:05.678'";
  await run(
    database,
    `insert into core_user (id, name, email, role, created_at, updated_at) values (1, 'Ada', 'ada@example.org', 'student', ${at}, ${at})`,
  );
  await run(
    database,
    `insert into core_course (id, title, status, is_published, total_enrollments, active_enrollments, created_at, updated_at) values (3, 'Full', 'active', 1, 1, 1, ${at}, ${at})`,
  );
  await run(
    database,
    `insert into core_enrollments (id, course_id, student_id, status, enrolled_at, updated_at) values (7, 3, 1, 'active', ${at}, ${at})`,
  );
  return database;
}

/** Returns the names of all migrations, oldest first. */
function namesOf(kind: DatabaseKind): string[] {
  return dialects[kind].schema.migrations.map(({ name }) => name);
}

/** Returns the names of a migration and of all later ones. */
function upFrom(kind: DatabaseKind, name: string): string[] {
  return namesOf(kind).slice(namesOf(kind).indexOf(name));
}

/** Returns the names of the existing indexes of the migration, in their order. */
async function built(database: Database, { table, indexes }: AddedIndexes): Promise<string[]> {
  const sql =
    dialectOf(database).kind === 'sqlite'
      ? `select name from pragma_index_list('${table}')`
      : `select distinct index_name as name from information_schema.statistics where table_schema = database() and table_name = '${table}'`;
  const names = (await database.em.getConnection().execute<{ name: string }[]>(sql)).map(({ name }) => name);
  return names.filter(name => indexes.some(index => index.name === name)).toSorted();
}

function run(database: Database, sql: string): Promise<unknown> {
  return database.em.getConnection().execute(sql);
}
