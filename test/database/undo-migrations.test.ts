import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installTriggers } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../src/database/database.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { findTables } from '../../src/database/schema/found-tables.js';
import { planUndo, undoLast } from '../../src/database/schema/undo.js';
import { addCourse } from '../support/api.js';
import { describeOnEach, freshUrl } from '../support/databases.js';
import { rowTrigger } from '../support/row-trigger.js';

describeOnEach('undoing the first migration', kind => {
  let database: Database;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    const fresh = freshUrl(kind);
    database = await openDatabase(fresh.url);
    await migrateUp(database);
    while (((await planUndo(database)) as { name: string }).name !== '2026-11-22-initial') await undoLast(database);
    drop = async () => {
      await database.close(true);
      await fresh.drop();
    };
  });
  afterEach(() => drop());

  const run = (sql: string): Promise<unknown> => database.em.getConnection().execute(sql, [], 'run');
  const courses = async (): Promise<number> => {
    const [row] = await database.em.getConnection().execute<{ n: number }[]>('select count(*) as n from core_course');
    return Number(row!.n);
  };

  it('undoing the first migration names the tables with their rows and the triggers of the counters, and then drops them', async () => {
    const { created } = await installTriggers(database.em, { guard: kind !== 'sqlite' });
    // Not by a hook, which would give way to the triggers.
    await run(
      "insert into core_user (name, email, created_at, updated_at) values ('Ada', 'ada@example.org', current_timestamp, current_timestamp)",
    );
    expect(await planUndo(database)).toEqual({
      name: '2026-11-22-initial',
      tables: [
        { name: 'core_enrollments', rows: 0 },
        { name: 'core_course', rows: 0 },
        { name: 'core_user', rows: 1 },
      ],
      triggers: created.toSorted(),
      procedures: [],
      columns: [],
      indexes: [],
    });
    expect(await undoLast(database)).toEqual(['2026-11-22-initial']);
    expect(await planUndo(database)).toBeNull();
  });

  const references = { sqlite: 'integer', mysql: 'bigint unsigned', mariadb: 'bigint unsigned', postgresql: 'bigint' }[
    kind
  ];
  const does = { statement: 'update core_user set name = name where id = 0' };
  describe.each<[what: string, named: string, ...statements: string[]]>([
    [
      'a table of ours that has got a column',
      'core_course (has the column price)',
      'alter table core_course add column price integer',
    ],
    [
      'a table of other columns with a name of ours',
      'core_course (has the columns ',
      'alter table core_enrollments rename to kept_1',
      'alter table core_course rename to kept_2',
      'create table core_course (id integer primary key, name varchar(20), price integer)',
    ],
    ['an index', 'the index by_name on core_user', 'create index by_name on core_user (name)'],
    [
      'a trigger',
      'the trigger audit on core_course',
      ...rowTrigger(kind, 'audit', 'after delete', 'core_course', does),
    ],
    [
      'a trigger with a name of ours',
      'the trigger counters_core_enrollments_course_id_after_insert on core_enrollments',
      ...rowTrigger(kind, 'counters_core_enrollments_course_id_after_insert', 'after insert', 'core_enrollments', does),
    ],
    [
      'a foreign key to users',
      'of payments.payer, which refers to core_user',
      `create table payments (id integer primary key, payer ${references}, constraint pays foreign key (payer) references core_user (id))`,
    ],
    [
      'a foreign key to courses',
      'of rooms.course, which refers to core_course',
      `create table rooms (id integer primary key, course ${references}, constraint holds foreign key (course) references core_course (id))`,
    ],
    [
      'a foreign key to enrollments',
      'of grades.enrollment, which refers to core_enrollments',
      `create table grades (id integer primary key, enrollment ${references}, constraint grades_it foreign key (enrollment) references core_enrollments (id))`,
    ],
  ])('where another application has made %s', (_, named, ...statements) => {
    it('undoing is rejected and names it, by the check before and by the migration itself, and nothing is changed', async () => {
      await addCourse(database);
      for (const statement of statements) await run(statement);
      const before = await courses();
      const refused = { code: 'MIGRATION_REFUSED', message: expect.stringContaining(named) };
      await expect(planUndo(database)).rejects.toMatchObject(refused);
      await expect(undoLast(database)).rejects.toMatchObject(refused);
      expect(await courses()).toBe(before);
      expect(await database.migrator.getExecuted()).toHaveLength(1);
    });
  });

  it('undoing that was interrupted is completed by the next', async () => {
    await run('drop table core_enrollments');
    expect(await planUndo(database)).toMatchObject({ tables: [{ name: 'core_course' }, { name: 'core_user' }] });
    expect(await undoLast(database)).toEqual(['2026-11-22-initial']);
  });
});

describeOnEach('migrations', kind => {
  it.each([
    [
      'other columns',
      'create table core_recount_runs (id integer primary key, label varchar(20))',
      'core_recount_runs (has the column label and lacks the columns ',
    ],
    ['a view', 'create view core_recount_runs as select 1 as id', 'core_recount_runs (is a view)'],
  ])('pending migrations adopt no table of another application: it has %s', async (_, statement, named) => {
    const { url, drop } = freshUrl(kind);
    const database = await openDatabase(url);
    await database.migrator.up({ to: '2026-11-22-initial' });
    await database.em.getConnection().execute(statement, [], 'run');
    await expect(migrateUp(database)).rejects.toMatchObject({
      code: 'SCHEMA_NOT_OURS',
      message: expect.stringContaining(named),
    });
    await expect(database.migrator.up()).rejects.toMatchObject({
      code: 'MIGRATION_REFUSED',
      message: expect.stringContaining(named),
    });
    expect(await database.migrator.getExecuted()).toHaveLength(1);
    await database.close(true);
    await drop();
  });

  it('undoing the one that made the runs drops them too where one has undone another', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await openDatabase(url);
    await migrateUp(database);
    const made = (undone: string): string =>
      `insert into core_recount_runs (id, undone_run_id, started_by, owner, lease_expires_at, started_at, updated_at) values ${undone}`;
    const moments = 'current_timestamp, current_timestamp, current_timestamp';
    for (const sql of [
      made(`(1, null, 'one', 'owner', ${moments})`),
      made(`(2, 1, 'one', 'owner', ${moments})`),
      "insert into core_recount_changes (run_id, counter, course_id, count_before, count_after) values (2, 'Course.totalEnrollments', 1, 2, 3)",
    ])
      await database.em.getConnection().execute(sql, [], 'run');
    const undone: string[] = [];
    while (!undone.includes('2026-11-22-recount-runs')) undone.push(...(await undoLast(database)));
    expect([...(await findTables(database)).keys()]).not.toContain('core_recount_runs');
    await database.close(true);
    await drop();
  });

  it('recorded migrations do not make a table ours if it lacks their columns', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await openDatabase(url);
    await migrateUp(database);
    await database.em.getConnection().execute('alter table core_enrollments drop column updated_at', [], 'run');
    await expect(migrateUp(database)).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPLETE',
      message: expect.stringContaining('core_enrollments (updated_at)'),
    });
    await database.close(true);
    await drop();
  });
});
