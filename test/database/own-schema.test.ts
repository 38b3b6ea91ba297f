import { expect, it } from 'vitest';
import { dialects } from '../../src/database/dialects/dialects.js';
import { openDatabase, type Database } from '../../src/database/database.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { beforeStatement } from '../support/between-statements.js';
import { describeOnEach, describeOnMySql, freshUrl } from '../support/databases.js';
import { isMySql } from '../support/server.js';

/**
 * Tables of other applications: those of the Django app, one of them alone, a shop's, a record of migrations of another
 * kind, a view.
 */
const foreign: readonly (readonly [string, readonly string[]])[] = [
  [
    'the tables of the app that it replaces',
    [
      'create table core_user (id integer primary key, name varchar(20))',
      'create table core_course (id integer primary key, title varchar(20))',
      'create table core_enrollments (id integer primary key, course_id integer)',
    ],
  ],
  ['one of the three tables', ['create table core_course (id integer primary key, title varchar(20))']],
  ['tables of something else', ['create table wp_posts (id integer primary key, body varchar(20))']],
  [
    'a record of migrations of another kind',
    [
      'create table rollcall_migrations (version integer primary key)',
      'create table core_user (id integer primary key)',
    ],
  ],
  [
    'an empty record of migrations beside tables with rows',
    [
      'create table core_course (id integer primary key, name varchar(20))',
      "insert into core_course values (1, 'theirs')",
      'create table rollcall_migrations (id integer primary key, name varchar(255), executed_at varchar(30))',
    ],
  ],
  ['a view', ['create view core_course as select 1 as id']],
];

describeOnEach('a database', kind => {
  async function withDatabase(work: (database: Database) => Promise<void>): Promise<void> {
    const { url, drop } = freshUrl(kind);
    const database = await openDatabase(url);
    await work(database);
    await database.close(true);
    await drop();
  }
  const run = (database: Database, sql: string): Promise<unknown> =>
    database.em.getConnection().execute(sql, [], 'run');
  const tablesOf = async (database: Database): Promise<string[]> => {
    const schema = isMySql(kind) ? 'database()' : 'current_schema()';
    const sql =
      kind === 'sqlite'
        ? "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite%'"
        : `select table_name as name from information_schema.tables where table_schema = ${schema}`;
    return (await database.em.getConnection().execute<{ name: string }[]>(sql)).map(({ name }) => name).toSorted();
  };

  it.each(foreign)(
    'a database that contains %s is not migrated: the tables are named, and nothing is changed',
    async (_, statements) => {
      await withDatabase(async database => {
        for (const statement of statements) await run(database, statement);
        const before = await tablesOf(database);
        await expect(migrateUp(database)).rejects.toMatchObject({
          code: 'SCHEMA_NOT_OURS',
          message: expect.stringMatching(
            new RegExp(`did not make: .*${before[0]}.*Nothing was changed\\. Give Rollcall an empty database`),
          ),
        });
        expect(await tablesOf(database)).toEqual(before);
      });
    },
  );

  it('a database of a newer version is not migrated: its migrations are named', async () => {
    await withDatabase(async database => {
      await migrateUp(database);
      await run(
        database,
        "insert into rollcall_migrations (name, executed_at) values ('2099-01-01-later', current_timestamp)",
      );
      await expect(migrateUp(database)).rejects.toMatchObject({
        code: 'SCHEMA_NEWER',
        message: expect.stringContaining('2099-01-01-later'),
      });
    });
  });

  it('a database whose tables are gone though their migrations are recorded is not filled again: the tables are named', async () => {
    await withDatabase(async database => {
      await migrateUp(database);
      await run(database, 'drop table core_enrollments');
      await expect(migrateUp(database)).rejects.toMatchObject({
        code: 'SCHEMA_INCOMPLETE',
        message: expect.stringMatching(/gone: core_enrollments\. Nothing was changed/),
      });
    });
  });

  if (isMySql(kind))
    it('a database one of whose tables is just being replaced, for example by a statement whose client was killed, is examined once more after that', async () => {
      await withDatabase(async database => {
        await migrateUp(database);
        // The end of such a statement.
        await run(database, 'rename table core_enrollments to replaced');
        const over = beforeStatement(database, /^select 1 from core_enrollments/, () =>
          run(database, 'rename table replaced to core_enrollments'),
        );
        expect(await migrateUp(database)).toEqual([]);
        expect(over.done).toBe(true);
      });
    });

  it('a database that is empty, or that our migrations made, is migrated, and once is enough', async () => {
    await withDatabase(async database => {
      expect(await migrateUp(database)).toEqual(dialects[kind].schema.migrations.map(({ name }) => name));
      expect(await migrateUp(database)).toEqual([]);
    });
  });

  it('a database has the tables, columns and indexes that its migrations name', async () => {
    await withDatabase(async database => {
      await migrateUp(database);
      const made = dialects[kind].schema.migrations.flatMap(({ tables }) => tables);
      expect(await tablesOf(database)).toEqual([...made.map(({ name }) => name), 'rollcall_migrations'].toSorted());
      for (const { name, columns, indexes } of made) {
        const [columnsSql, indexesSql] =
          kind === 'sqlite'
            ? [
                'select name from pragma_table_info(?)',
                "select name from sqlite_master where type = 'index' and sql is not null and tbl_name = ?",
              ]
            : kind === 'postgresql'
              ? [
                  'select column_name as name from information_schema.columns where table_schema = current_schema() and table_name = ?',
                  "select indexname as name from pg_indexes where schemaname = current_schema() and indexname not like '%\\_pkey' and tablename = ?",
                ]
              : [
                  'select column_name as name from information_schema.columns where table_schema = database() and table_name = ?',
                  "select distinct index_name as name from information_schema.statistics where table_schema = database() and index_name <> 'PRIMARY' and table_name = ?",
                ];
        const names = async (sql: string): Promise<string[]> =>
          (await database.em.getConnection().execute<{ name: string }[]>(sql, [name])).map(row => row.name).toSorted();
        expect([await names(columnsSql), await names(indexesSql)]).toEqual([columns.toSorted(), indexes.toSorted()]);
      }
    });
  });
});

describeOnMySql('a migration that was interrupted', kind => {
  it.each([1, 2, 3])(
    'a migration that was interrupted after %i of its statements, which are committed one by one, is completed by the next',
    async count => {
      const { url, drop } = freshUrl(kind);
      const database = await openDatabase(url);
      const statements: string[] = [];
      database.config.set('onQuery', sql => {
        // This simulates a process that is killed there: what was done is committed, and nothing is recorded.
        if (/^create table (?:if not exists )?core_/.test(sql)) {
          if (statements.length === count) throw new Error('killed');
          statements.push(sql);
        }
        return sql;
      });
      await expect(migrateUp(database)).rejects.toThrow('killed');
      database.config.set('onQuery', sql => sql);
      await database.close(true);
      const again = await openDatabase(url);
      expect(await migrateUp(again)).toEqual(
        dialects[kind].schema.migrations.map(({ name }) => name).slice(count < 3 ? 0 : 1),
      );
      expect(await again.schema.getUpdateSchemaSQL()).toBe('');
      await again.close(true);
      await drop();
    },
  );

  it('a migration leaves a procedure of another application with the name of ours as it is, and so does undoing it', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await openDatabase(url);
    await database.em
      .getConnection()
      .execute("create procedure verify_enrollment_counts() comment 'theirs' select 42 as answer", [], 'run');
    await migrateUp(database);
    for (const _ of dialects[kind].schema.migrations) await database.migrator.down();
    const found = await database.em
      .getConnection()
      .execute<{ comment: string }[]>(
        "select routine_comment as comment from information_schema.routines where routine_schema = database() and routine_name = 'verify_enrollment_counts'",
      );
    expect(found.map(({ comment }) => comment)).toEqual(['theirs']);
    await database.close(true);
    await drop();
  });
});
