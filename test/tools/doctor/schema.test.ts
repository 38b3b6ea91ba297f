import { afterEach, beforeEach, expect, it } from 'vitest';
import { installTriggers } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../../src/database/database.js';
import { describeOnEach, freshUrl } from '../../support/databases.js';
import { examineDatabase, findingsOf } from '../../support/examination.js';
import { migrate } from '../../support/migrated.js';
import { rowTrigger } from '../../support/row-trigger.js';
import { isMySql } from '../../support/server.js';

describeOnEach('the doctor on the schema', kind => {
  let url: string;
  let drop: () => Promise<void>;
  let database: Database;

  beforeEach(async () => {
    ({ url, drop } = freshUrl(kind));
    database = await openDatabase(url);
    await migrate(database);
  });
  afterEach(async () => {
    await database.close(true);
    await drop();
  });

  const run = (sql: string): Promise<unknown> => database.em.getConnection().execute(sql, [], 'run');
  const found = async (): Promise<unknown[]> =>
    findingsOf(await examineDatabase(url), 'migrations').map(({ status, message }) => [status, message]);

  it('the doctor passes where the tables are as the migrations made them', async () => {
    expect(await found()).toEqual([['ok', expect.stringMatching(/^All \d are applied\.$/)]]);
  });

  it('the doctor passes where triggers keep the counts', async () => {
    await installTriggers(database.em);
    expect(await found()).toEqual([['ok', expect.anything()]]);
  });

  it('the doctor fails where a table of an applied migration is gone, and names it', async () => {
    await run('drop table core_enrollments');
    expect(await found()).toContainEqual(['failed', 'Tables of applied migrations are gone: core_enrollments.']);
  });

  const big = kind === 'sqlite' ? 'integer' : 'bigint';
  it.each<[what: string, named: string, ...statements: string[]]>([
    [
      'a column is gone',
      'the column core_enrollments.updated_at is missing',
      'alter table core_enrollments drop column updated_at',
    ],
    [
      'a column is new',
      'the column core_course.price is there, and no migration made it',
      `alter table core_course add column price ${big} null`,
    ],
    [
      'an index is gone',
      'the index core_course_title_index on core_course is missing',
      isMySql(kind)
        ? 'alter table core_course drop index core_course_title_index'
        : 'drop index core_course_title_index',
    ],
    [
      'an index is new',
      'the index by_price on core_course is there, and no migration made it',
      'create index by_price on core_course (capacity)',
    ],
    [
      'a table is new',
      'the table wp_posts is there, and no migration made it',
      'create table wp_posts (id integer primary key)',
    ],
    ...(kind === 'sqlite'
      ? ([
          [
            'a column is another',
            'the column core_user.name is missing; the column core_user.label is there, and no migration made it',
            'alter table core_user rename column name to label',
          ],
        ] as [string, string, string][])
      : ([
          [
            'a column has another type',
            'the column core_user.name is varchar(50) not null, not varchar(255) not null',
            isMySql(kind)
              ? 'alter table core_user modify name varchar(50) not null'
              : 'alter table core_user alter column name type varchar(50)',
          ],
          [
            'a foreign key is gone',
            'the foreign key core_course_instructor_id_foreign of core_course (instructor_id to core_user) is missing',
            `alter table core_course drop ${isMySql(kind) ? 'foreign key' : 'constraint'} core_course_instructor_id_foreign`,
          ],
        ] as [string, string, string][])),
  ])('the doctor fails where %s, and says so in words', async (_, named, ...statements) => {
    for (const statement of statements) await run(statement);
    expect(await found()).toContainEqual(['failed', `The tables are not as the migrations made them: ${named}.`]);
  });

  it('the doctor warns of a trigger of another application on a table', async () => {
    const statement = 'update core_user set name = name where id = 0';
    for (const sql of rowTrigger(kind, 'audit', 'after delete', 'core_course', { statement })) await run(sql);
    expect(await found()).toEqual([
      ['ok', expect.anything()],
      ['warning', 'Triggers that Rollcall did not make are on its tables: audit on core_course.'],
    ]);
  });

  if (kind === 'postgresql')
    it.each([
      [
        'a crash empties a table',
        'The table core_recount_changes is unlogged: a crash empties it.',
        'alter table core_recount_changes set unlogged',
      ],
      [
        'a copy of rows has left a sequence behind',
        'The sequence of core_user.id has reached nothing, and the ids 7: new rows will be refused.',
        "insert into core_user (id, name, email, created_at, updated_at) values (7, 'Copied', 'c@example.org', now(), now())",
      ],
      [
        'texts tell small letters from capitals',
        'the column core_user.email is varchar(254) not null collate C, not varchar(254) not null collate rollcall_text',
        'alter table core_user alter column email type varchar(254) collate "C"',
      ],
    ])('the doctor fails where %s', async (_, named, ...statements) => {
      for (const statement of statements) await run(statement);
      expect(await found()).toContainEqual(['failed', expect.stringContaining(named)]);
    });

  if (isMySql(kind))
    it.each([
      [
        'a table has no transactions',
        'The table core_recount_changes is kept by MyISAM, ',
        'alter table core_recount_changes drop foreign key core_recount_changes_run_id_foreign',
        'alter table core_recount_changes engine = MyISAM',
      ],
      [
        'texts are of a smaller character set',
        'Texts are not utf8mb4, so some cannot be saved: core_course.title (latin1).',
        'alter table core_course modify title varchar(255) character set latin1 not null',
      ],
      [
        'texts tell small letters from capitals',
        'Texts are compared case-sensitively, so one email address can belong to two users, and a search misses titles: core_user.email (utf8mb4_bin).',
        'alter table core_user modify email varchar(254) character set utf8mb4 collate utf8mb4_bin not null',
      ],
    ])('the doctor fails where %s', async (_, named, ...statements) => {
      for (const statement of statements) await run(statement);
      expect(await found()).toContainEqual(['failed', expect.stringContaining(named)]);
    });

  it('the doctor fails on a database of another application, and names the tables', async () => {
    for (const table of ['core_enrollments', 'core_recount_changes', 'core_recount_runs', 'rollcall_migrations'])
      await run(`drop table ${table}`);
    expect(await found()).toEqual([
      [
        'failed',
        expect.stringMatching(
          /^The database contains tables that Rollcall did not make: core_(?:course|user), core_(?:course|user)\.$/,
        ),
      ],
    ]);
  });
});
