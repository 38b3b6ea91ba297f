import { afterEach, beforeEach, expect, it } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { examine } from '../../../src/tools/doctor/examine.js';
import { describeOnEach, freshUrl } from '../../support/databases.js';
import { FAST_SERVER, problemsIn, examineDatabase, findingsOf } from '../../support/examination.js';
import { openDatabase, type Database } from '../../../src/database/database.js';
import { addCountedCourses, bypassCounters } from '../../support/place-on.js';
import { addCourses, allRows } from '../../support/rows.js';
import { migrate } from '../../support/migrated.js';
import { isMySql } from '../../support/server.js';

/** The statement that lists the tables of each kind of database. */
const tablesSql = {
  sqlite: "select sql from sqlite_master where name not like 'sqlite%'",
  mysql: 'show tables',
  mariadb: 'show tables',
  postgresql: "select relname from pg_class where relnamespace = 'public'::regnamespace order by 1",
};

describeOnEach('the doctor', kind => {
  let url: string;
  let database: Database;
  let drop: () => Promise<void>;
  let courses: number[];
  const onTable = isMySql(kind) ? ' on core_course' : '';

  beforeEach(async () => {
    ({ url, drop } = freshUrl(kind));
    database = await openDatabase(url);
    await migrate(database);
    ({ courses } = await addCountedCourses(database, ['Optics', 'Logic', 'Topology']));
  });
  afterEach(async () => {
    await database.close(true);
    await drop();
  });

  it('the doctor finds a sound deployment sound, check by check, and changes nothing', async () => {
    const tables = tablesSql[kind];
    const present = async (): Promise<unknown[]> => [
      await allRows(database),
      await database.em.getConnection().execute(tables),
    ];
    const before = await present();
    const findings = await examineDatabase(url);
    expect(problemsIn(findings)).toEqual([]);
    const disk = kind === 'sqlite' ? ['disk'] : [];
    expect(findings.map(({ check }) => check)).toEqual([
      'configuration',
      'node',
      'secrets',
      'limits',
      'limits',
      'rates',
      'rates',
      'connection',
      'settings',
      ...(findings.some(({ message }) => FAST_SERVER.test(message)) ? ['settings'] : []),
      ...disk,
      'clock',
      'migrations',
      'keys',
      'privileges',
      'strategy',
      'counts',
      'index',
      'probe',
    ]);
    expect(findingsOf(findings, 'probe')[0]!.message).toContain('moved the counts 0, 0 → 1, 1 → 0, 0');
    expect(await present()).toEqual(before);
  });

  it('the doctor finds drift, and says that nothing else is wrong', async () => {
    await bypassCounters(database, `update core_course set active_enrollments = 7 where id >= ${courses[1]}`);
    expect(problemsIn(await examineDatabase(url))).toEqual([
      {
        check: 'counts',
        status: 'failed',
        message: `Counts that do not match the enrollments: 2, of course ${courses[1]}, ${courses[2]}.`,
        advice: '"rollcall verify" shows them, "rollcall recount" repairs them.',
        drift: true,
      },
    ]);
  });

  it('the doctor finds that the index of total_enrollments is missing, or that the database does not use it', async () => {
    const index = 'core_course_total_enrollments_index';
    await bypassCounters(database, `drop index ${index}${onTable}`);
    expect(problemsIn(await examineDatabase(url))).toMatchObject([
      { check: 'migrations', status: 'failed', message: expect.stringContaining(index) },
      { check: 'index', status: 'failed', advice: `create index ${index} on core_course (total_enrollments)` },
    ]);
    const unusable = { sqlite: ' where id < 0', mysql: ' invisible', mariadb: ' ignored', postgresql: ' where id < 0' }[
      kind
    ];
    await bypassCounters(database, `create index idle on core_course (total_enrollments)${unusable}`);
    expect(problemsIn(await examineDatabase(url))).toMatchObject([
      { check: 'migrations', status: 'failed', message: expect.stringContaining(index) },
      { check: 'index', status: 'warning', message: expect.stringContaining('does not use idle') },
    ]);
  });

  it('the doctor sees with many courses whether the database looks up the highest counts in the index or reads them all', async () => {
    await addCourses(
      database,
      Array.from({ length: 2000 }, (_, index) => ({ title: `Course ${index}` })),
    );
    const used = [
      {
        check: 'index',
        status: 'ok',
        message: 'A filter on total_enrollments uses core_course_total_enrollments_index.',
      },
    ];
    for (const counts of ['0', 'id']) {
      await bypassCounters(database, `update core_course set total_enrollments = ${counts}`);
      await bypassCounters(
        database,
        kind === 'sqlite' ? 'analyze' : `analyze ${isMySql(kind) ? 'table ' : ''}core_course`,
      );
      expect(findingsOf(await examineDatabase(url), 'index')).toEqual(used);
    }
    const unusable = { sqlite: ' where id < 0', mysql: ' invisible', mariadb: ' ignored', postgresql: ' where id < 0' }[
      kind
    ];
    await bypassCounters(database, `drop index core_course_total_enrollments_index${onTable}`);
    await bypassCounters(database, `create index idle on core_course (total_enrollments)${unusable}`);
    expect(findingsOf(await examineDatabase(url), 'index')).toMatchObject([
      { status: 'warning', message: expect.stringContaining('does not use idle') },
    ]);
  });

  it('the doctor says that a database has no migrations, and examines what needs no tables', async () => {
    await database.migrator.down({ to: 0 });
    const notExamined = (check: string) => ({
      check,
      status: 'warning',
      message: 'Not examined, since the migrations have not made the tables.',
    });
    expect(problemsIn(await examineDatabase(url))).toMatchObject([
      {
        check: 'migrations',
        status: 'failed',
        message: expect.stringMatching(/^Pending: .*initial/),
        advice: 'rollcall migrate up',
      },
      ...['keys', 'privileges', 'strategy', 'counts', 'index', 'probe'].map(notExamined),
    ]);
  });

  it('the doctor makes no table in an empty database either', async () => {
    await database.migrator.down({ to: 0 });
    await bypassCounters(database, 'drop table rollcall_migrations');
    const tables = tablesSql[kind];
    expect(await database.em.getConnection().execute(tables)).toEqual([]);
    expect(problemsIn(await examineDatabase(url))[0]).toMatchObject({ check: 'migrations', status: 'failed' });
    expect(await database.em.getConnection().execute(tables)).toEqual([]);
  });

  it('the doctor finds migrations that only a later version knows', async () => {
    await bypassCounters(database, "insert into rollcall_migrations (name) values ('2999-later')");
    expect(problemsIn(await examineDatabase(url))).toMatchObject([
      { check: 'migrations', status: 'warning', message: expect.stringContaining('2999-later') },
    ]);
  });

  it('only admins run the doctor', async () => {
    const configuration = { mistakes: [], config: null, database: null };
    const given = {
      configuration,
      open: () => Promise.reject(new Error('opened')),
      explain: String,
      readDocuments: () => Promise.resolve(null),
    };
    await expect(
      Array.fromAsync(examine({ ...given, caller: { userId: 1, role: Role.TEACHER } })),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
