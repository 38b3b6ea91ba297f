import { expect, it } from 'vitest';
import { dialects } from '../../src/database/dialects/dialects.js';
import { installTriggers, existingTriggers, triggerStatus, type CounterStrategy } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../src/database/database.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { findSchema } from '../../src/database/schema/own-schema.js';
import { alter } from '../../src/migrations/mysql/alter.js';
import { enroll } from '../../src/use-cases/enrollments.js';
import { operator } from '../../src/access/viewer.js';
import { placeToRun } from '../support/command-line.js';
import { describeOnMySql, freshUrl } from '../support/databases.js';
import { migrateUntilKilled } from '../support/killed-migration.js';
import { allRows, expectExactCounts } from '../support/rows.js';

const NAME = '2026-11-28-wide-numbers';
const names = dialects.mysql.schema.migrations.map(({ name }) => name);
/** The migrations that are pending on a database of the version before this migration. */
const PENDING = names.slice(names.indexOf(NAME));
/** The highest number that the keys could hold before. */
const LAST = 2 ** 32 - 1;

describeOnMySql('the migration of keys and counts to 64 bits', kind => {
  it.each<CounterStrategy>(['hooks', 'triggers'])(
    'the migration to 64 bits keeps all rows, counts, foreign keys and triggers of a full database, with %s',
    async strategy => {
      const { url, drop } = freshUrl(kind);
      const database = await fullDatabase(url, strategy);
      const [before, rules, triggers] = [
        await allRows(database),
        await rulesOf(database),
        existingTriggers(await triggerStatus(database.em)),
      ];
      const [student] = await run<{ id: number }>(
        database,
        "select id from core_user where email = 'second@example.org'",
      );
      const enrollment = { courseId: LAST - 1, studentId: student!.id };
      await expect(enroll(database, operator, enrollment)).rejects.toThrow();
      expect(await migrateUp(database)).toEqual(PENDING);
      expect(await allRows(database)).toEqual(before);
      expect(await rulesOf(database)).toEqual(rules);
      expect(existingTriggers(await triggerStatus(database.em))).toEqual(triggers);
      expect(triggers).toHaveLength(strategy === 'triggers' ? 6 : 0);
      const { value } = await enroll(database, operator, enrollment);
      expect(value).toMatchObject({ enrollment: { id: LAST + 1 } });
      await expectExactCounts(database);
      expect(await database.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
      await database.close(true);
      await drop();
    },
  );

  it('the migration to 64 bits is completed by the next run, wherever the previous one was interrupted', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await fullDatabase(url, 'hooks');
    const [before, rules] = [await allRows(database), await rulesOf(database)];
    let [runs, isComplete] = [0, false];
    for (; !isComplete; runs += 1) {
      // This simulates a process that is killed there: each statement was committed by itself, and nothing is recorded.
      let begun = 0;
      database.config.set('onQuery', sql => {
        if (sql.startsWith('alter table') && ++begun === 2) throw new Error('broken off');
        return sql;
      });
      isComplete = await migrateUp(database).then(
        () => true,
        (error: Error) => !error.message.includes('broken off'),
      );
      database.config.set('onQuery', sql => sql);
      expect(await allRows(database)).toEqual(before);
    }
    // Each run did one step, and the last one the last.
    expect(runs).toBeGreaterThan(8);
    expect(await rulesOf(database)).toEqual(rules);
    expect(await database.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
    expect((await findSchema(database)).pending).toEqual([]);
    await database.close(true);
    await drop();
  });

  it('the migration to 64 bits is completed by the next run after kill -9 while a table was copied', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await fullDatabase(url, 'triggers');
    const [before, rules] = [await allRows(database), await rulesOf(database)];
    await migrateUntilKilled(url, { begins: 'alter table', n: 7 });
    expect(await migrateUp(database)).toEqual(PENDING);
    expect([await allRows(database), await rulesOf(database)]).toEqual([before, rules]);
    expect((await triggerStatus(database.em)).present).toHaveLength(6);
    expect(await database.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
    await database.close(true);
    await drop();
  });

  it.each([
    [
      'of a table of others that refers to a key',
      'create table lesson (course_id int unsigned not null, constraint lesson_course foreign key (course_id) references core_course (id)) engine = InnoDB',
      /lesson_course \(.*\.lesson\.course_id\)/,
    ],
    [
      'of a column of ours that refers to a table of others',
      'alter table core_course add constraint course_head foreign key (instructor_id) references head (id)',
      /course_head \(.*\.core_course\.instructor_id\)/,
    ],
    [
      'of ours under another name',
      'alter table core_enrollments add constraint by_hand foreign key (course_id) references core_course (id)',
      /by_hand \(.*\.core_enrollments\.course_id\)/,
    ],
  ])(
    'the migration to 64 bits is rejected before it changes anything where there is a foreign key %s',
    async (_, sql, named) => {
      const { url, drop } = freshUrl(kind);
      const database = await fullDatabase(url, 'hooks');
      await run(database, 'create table head (id int unsigned not null primary key) engine = InnoDB');
      await run(database, 'insert into head values (1)');
      await run(database, sql);
      const rules = await rulesOf(database);
      await expect(migrateUp(database)).rejects.toMatchObject({
        code: 'MIGRATION_REFUSED',
        message: expect.stringMatching(named),
      });
      await expect(migrateUp(database)).rejects.toThrow('Nothing was changed');
      expect(await rulesOf(database)).toEqual(rules);
      await database.close(true);
      await drop();
    },
  );

  it('the migration to 64 bits is rejected before it changes anything where a row refers to a missing one, and says how to find it', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await fullDatabase(url, 'hooks');
    const before = await allRows(database);
    await database.em.transactional(async em => {
      await em.execute('set session foreign_key_checks = 0');
      await em.execute(
        "insert into core_enrollments (id, course_id, student_id, status, enrolled_at, updated_at) values (8, 77, 1, 'active', now(3), now(3))",
      );
      await em.execute('set session foreign_key_checks = 1');
    });
    const rules = await rulesOf(database);
    const refusal = await migrateUp(database).catch((error: Error) => error);
    expect(refusal).toMatchObject({
      code: 'MIGRATION_REFUSED',
      message: expect.stringMatching(
        /^A row of core_enrollments refers by course_id to a row of core_course that does not exist/,
      ),
    });
    expect(await rulesOf(database)).toEqual(rules);
    const query = /by: (select .*?);/.exec((refusal as Error).message)![1]!;
    expect(await run(database, query)).toMatchObject([{ id: 8, course_id: 77 }]);
    await run(database, 'delete from core_enrollments where id = 8');
    expect(await migrateUp(database)).toEqual(PENDING);
    expect(await allRows(database)).toEqual(before);
    await database.close(true);
    await drop();
  });

  it('the command reports the migration to 64 bits: what each step locks, and how it ended', async () => {
    const { url, drop } = freshUrl(kind);
    await (await fullDatabase(url, 'hooks')).close(true);
    const place = placeToRun();
    const { code, stdout, stderr } = await place.run(['migrate', 'up'], { DATABASE_URL: url });
    place.leave();
    expect([code, stdout]).toEqual([0, PENDING.map(name => `Applied ${name}.\n`).join('')]);
    expect(stderr).toMatch(/^core_enrollments: changed online, without a copy; reads and writes continue\.$/m);
    expect(stderr).toMatch(
      /^core_enrollments: changed by copying it, about \d+ rows? \(\d+ MB; as much free disk space is needed\)\. Reads continue; writes wait until it is done\.$/m,
    );
    expect(stderr).toMatch(
      /^core_enrollments: indexes are built online over about \d+ rows?; reads and writes continue\.$/m,
    );
    expect(stderr).toMatch(/^core_enrollments: changed in \d+ s\.$/m);
    await drop();
  });

  it('the migration to 64 bits gives up on a table that others use, and leaves it as it is', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await fullDatabase(url, 'hooks');
    const before = await allRows(database);
    const user = database.em.fork();
    await user.begin();
    await user.execute('update core_course set title = title');
    // The wait is shorter here.
    const execute = (sql: string): Promise<object[]> =>
      altering.execute(sql.replace(/lock_wait_timeout = \d+/, 'lock_wait_timeout = 1'));
    const altering = database.em.fork();
    await altering.begin();
    const attempt = alter({
      table: 'core_course',
      clauses: ['drop foreign key core_course_instructor_id_foreign'],
      way: 'keeps',
      execute,
    });
    await expect(attempt).rejects.toMatchObject({
      code: 'MIGRATION_REFUSED',
      message: expect.stringContaining('End their transactions'),
    });
    await altering.rollback();
    await user.rollback();
    expect(await migrateUp(database)).toEqual(PENDING);
    expect(await allRows(database)).toEqual(before);
    await database.close(true);
    await drop();
  });

  it('the migration to 64 bits leaves nothing to do on a database of this version, and stays when it is undone', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await openDatabase(url);
    const changes: string[] = [];
    database.config.set('onQuery', sql => {
      if (sql.startsWith('alter table') && !sql.includes(' index ')) changes.push(sql);
      return sql;
    });
    await migrateUp(database);
    for (const name of PENDING.toReversed()) await database.migrator.down(name);
    expect(await migrateUp(database)).toEqual(PENDING);
    expect(await database.schema.getUpdateSchemaSQL({ wrap: false })).toBe('');
    expect(changes).toEqual([]);
    await database.close(true);
    await drop();
  });
});

/** Returns a database as the version before this migration made it, whose next enrollment has no key left. */
async function fullDatabase(url: string, strategy: CounterStrategy): Promise<Database> {
  const database = await openDatabase(url, strategy);
  database.config.set('onQuery', sql =>
    sql.startsWith('create table') ? sql.replaceAll('bigint unsigned', 'int unsigned') : sql,
  );
  await database.migrator.up({ migrations: names.slice(0, names.indexOf(NAME)) });
  database.config.set('onQuery', sql => sql);
  if (strategy === 'triggers') await installTriggers(database.em);
  const at = "'2026-01-02 03:04:05.678'";
  await run(
    database,
    `insert into core_user (id, name, email, role, created_at, updated_at) values (1, 'Teacher', 't@example.org', 'teacher', ${at}, ${at}), (2, 'Second', 'second@example.org', 'student', ${at}, ${at}), (${LAST}, 'Last', 'last@example.org', 'student', ${at}, ${at})`,
  );
  await run(
    database,
    `insert into core_course (id, title, status, is_published, instructor_id, created_at, updated_at) values (3, 'Empty', 'draft', 0, null, ${at}, ${at}), (${LAST - 1}, 'Full', 'active', 1, 1, ${at}, ${at})`,
  );
  await run(
    database,
    `insert into core_enrollments (id, course_id, student_id, status, enrolled_at, updated_at) values (7, ${LAST - 1}, 1, 'dropped', ${at}, ${at}), (${LAST}, ${LAST - 1}, ${LAST}, 'active', ${at}, ${at})`,
  );
  if (strategy === 'hooks')
    await run(database, `update core_course set total_enrollments = 2, active_enrollments = 1 where id = ${LAST - 1}`);
  return database;
}

/** Returns the foreign keys with their actions on deletes and updates. */
function rulesOf(database: Database): Promise<object[]> {
  return run(
    database,
    `select r.constraint_name as name, r.table_name as t, k.column_name as c, r.referenced_table_name as target, r.update_rule as on_update, r.delete_rule as on_delete
     from information_schema.referential_constraints r join information_schema.key_column_usage k on k.constraint_schema = r.constraint_schema and k.constraint_name = r.constraint_name
     where r.constraint_schema = database() order by r.constraint_name`,
  );
}

function run<Row extends object>(database: Database, sql: string): Promise<Row[]> {
  return database.em.getConnection().execute<Row[]>(sql);
}
