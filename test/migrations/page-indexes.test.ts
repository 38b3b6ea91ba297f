import { expect, it } from 'vitest';
import { dialects } from '../../src/database/dialects/dialects.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { dialectOf, openDatabase, type Database } from '../../src/database/database.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { findSchema } from '../../src/database/schema/own-schema.js';
import { pageIndexes } from '../../src/migrations/page-indexes.js';
import { describeOnEach, freshUrl } from '../support/databases.js';
import { migrateUntilKilled } from '../support/killed-migration.js';
import { allRows } from '../support/rows.js';

const NAME = '2026-11-28-page-indexes';

describeOnEach('the migration that builds the indexes of pages', kind => {
  it('the migration of page indexes keeps all rows of a database that the version before made, and is undone without a loss', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await olderDatabase(kind, url);
    const before = await allRows(database);
    expect(await migrateUp(database)).toEqual([NAME]);
    expect(await allRows(database)).toEqual(before);
    expect(await built(database)).toEqual(pageIndexes.map(({ name }) => name).toSorted());
    expect(await database.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
    await database.migrator.down(NAME);
    expect(await built(database)).toEqual([]);
    expect(await allRows(database)).toEqual(before);
    await database.close(true);
    await drop();
  });

  it('the migration of page indexes is completed by the next run when it was interrupted before it was recorded', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await olderDatabase(kind, url);
    database.config.set('onQuery', sql => {
      if (/^insert into .?rollcall_migrations/i.test(sql)) throw new Error('broken off');
      return sql;
    });
    await expect(migrateUp(database)).rejects.toThrow('broken off');
    database.config.set('onQuery', sql => sql);
    // SQLite rolls the indexes back; the others have built all of them by one statement.
    expect(await built(database)).toHaveLength(kind === 'sqlite' ? 0 : pageIndexes.length);
    expect(await migrateUp(database)).toEqual([NAME]);
    expect(await built(database)).toHaveLength(pageIndexes.length);
    expect((await findSchema(database)).pending).toEqual([]);
    await database.close(true);
    await drop();
  });

  it('the migration of page indexes is completed by the next run after kill -9 while it built them', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await olderDatabase(kind, url);
    const before = await allRows(database);
    // SQLite has built two of them, in a transaction.
    await migrateUntilKilled(
      url,
      kind === 'sqlite' ? { begins: 'create index', n: 3 } : { begins: 'alter table', n: 1 },
    );
    expect((await findSchema(database)).pending.map(({ name }) => name)).toEqual([NAME]);
    expect(await migrateUp(database)).toEqual([NAME]);
    expect(await built(database)).toHaveLength(pageIndexes.length);
    expect((await findSchema(database)).pending).toEqual([]);
    expect(await allRows(database)).toEqual(before);
    await database.close(true);
    await drop();
  });

  it('the migration of page indexes adopts an index that was made by hand, and is rejected before it changes anything where one has other columns', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await olderDatabase(kind, url);
    const [{ name, columns }, { name: second }] = pageIndexes as [(typeof pageIndexes)[0], (typeof pageIndexes)[0]];
    await run(database, `create index ${name} on core_enrollments (${columns.join(', ')})`);
    await run(database, `create index ${second} on core_enrollments (updated_at, id)`);
    await expect(migrateUp(database)).rejects.toMatchObject({
      code: 'MIGRATION_REFUSED',
      message: expect.stringContaining(`${second} exists with other columns: updated_at, id`),
    });
    expect(await built(database)).toEqual([name, second].toSorted());
    await run(database, `drop index ${second}${kind === 'sqlite' ? '' : ' on core_enrollments'}`);
    expect(await migrateUp(database)).toEqual([NAME]);
    expect(await built(database)).toHaveLength(pageIndexes.length);
    await database.close(true);
    await drop();
  });
});

/** Returns a database as the version before this migration made it, with a few rows. */
async function olderDatabase(kind: DatabaseKind, url: string): Promise<Database> {
  const database = await openDatabase(url);
  const names = dialects[kind].schema.migrations.map(({ name }) => name);
  await database.migrator.up({ migrations: names.slice(0, names.indexOf(NAME)) });
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

/** Returns the names of the existing indexes of the migration, in their order. */
async function built(database: Database): Promise<string[]> {
  const sql =
    dialectOf(database).kind === 'sqlite'
      ? "select name from pragma_index_list('core_enrollments')"
      : "select distinct index_name as name from information_schema.statistics where table_schema = database() and table_name = 'core_enrollments'";
  const names = (await database.em.getConnection().execute<{ name: string }[]>(sql)).map(({ name }) => name);
  return names.filter(name => pageIndexes.some(index => index.name === name)).toSorted();
}

function run(database: Database, sql: string): Promise<unknown> {
  return database.em.getConnection().execute(sql);
}
