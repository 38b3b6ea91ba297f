import { createConnection, type Connection } from 'mysql2/promise';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { installTriggers } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../../src/database/database.js';
import { examineClock } from '../../../src/tools/doctor/clock.js';
import { examineMigrations } from '../../../src/tools/doctor/migrations.js';
import { describeOnMySql, freshUrl } from '../../support/databases.js';
import { problemsIn, examineDatabase, findingsOf } from '../../support/examination.js';
import { addCountedCourses } from '../../support/place-on.js';
import { allRows } from '../../support/rows.js';
import { migrate } from '../../support/migrated.js';

describeOnMySql('the doctor', kind => {
  let url: string;
  let database: Database;
  let drop: () => Promise<void>;
  let other: Connection;

  beforeEach(async () => {
    ({ url, drop } = freshUrl(kind));
    database = await openDatabase(url);
    await migrate(database);
    await addCountedCourses(database, ['Optics']);
    other = await createConnection(url.replace(/^mariadb:/, 'mysql:'));
  });
  afterEach(async () => {
    await other.end();
    await database.close(true);
    await drop();
  });

  /** Creates a user with these privileges on the database, for as long as the test runs, and returns its URL. */
  async function userWith(privileges: string): Promise<string> {
    const name = new URL(url).pathname.slice(1);
    const user = `u_${name.slice(-20)}`;
    await other.query(`create user '${user}'@'%' identified by 'hidden'`);
    onTestFinished(() => openedQuery(`drop user '${user}'@'%'`));
    await other.query(`grant ${privileges} on ${name}.* to '${user}'@'%'`);
    const theirs = new URL(url);
    [theirs.username, theirs.password] = [user, 'hidden'];
    return theirs.href;
  }

  /** Runs a statement on a connection of its own, since the test's are closed by then. */
  async function openedQuery(sql: string): Promise<void> {
    const server = new URL(url.replace(/^mariadb:/, 'mysql:'));
    server.pathname = '';
    const connection = await createConnection(server.href);
    await connection.query(sql);
    await connection.end();
  }

  it('the doctor names what the user may not do, and shows no password', async () => {
    const findings = await examineDatabase(await userWith('select, insert, update'));
    expect(problemsIn(findings)).toMatchObject([
      {
        check: 'privileges',
        status: 'failed',
        message: `The database's user may not ${['user', 'course', 'enrollments', 'recount_runs', 'recount_changes'].map(table => `delete on core_${table}`).join(', ')}.`,
      },
      {
        check: 'probe',
        status: 'failed',
        message: expect.stringMatching(
          /^The database does not allow this user to do that \(1142\)\. Grant the privileges .* It says: delete command denied/i,
        ),
      },
    ]);
    expect(JSON.stringify(findings)).not.toContain('hidden');
  });

  it('the doctor names the privileges that triggers need', async () => {
    await installTriggers(database.em);
    const theirs = await userWith('select, insert, update, delete');
    const amiss = problemsIn(await examineDatabase(theirs, { COUNTERS: 'triggers' }));
    expect(amiss[0]).toMatchObject({
      check: 'privileges',
      status: 'failed',
      message: "The database's user lacks TRIGGER and LOCK TABLES, which triggers need.",
    });
    expect(findingsOf(await examineDatabase(theirs), 'privileges').map(({ status }) => status)).toEqual(['ok']);
    await other.query(
      `grant trigger, lock tables on ${new URL(url).pathname.slice(1)}.* to '${new URL(theirs).username}'@'%'`,
    );
    expect(problemsIn(await examineDatabase(theirs, { COUNTERS: 'triggers' }))).toEqual([]);
  });

  it('the doctor names the privileges that a pending migration needs, and only then', async () => {
    const theirs = await userWith('select, insert, update, delete');
    const schema = new URL(url).pathname.slice(1);
    const limited = await openDatabase(theirs);
    const found = () => examineMigrations(limited);
    expect(await found()).toMatchObject([{ status: 'ok' }]);
    await other.query("delete from rollcall_migrations where name like '%procedure'");
    const lacks = (privileges: string) => ({
      status: 'failed',
      message: `The database's user lacks ${privileges}, which the migration 2026-11-22-verify-procedure needs.`,
    });
    const pending = { status: 'failed', message: 'Pending: 2026-11-22-verify-procedure.' };
    expect(await found()).toMatchObject([
      pending,
      {
        ...lacks('CREATE ROUTINE and ALTER ROUTINE'),
        advice: `grant CREATE ROUTINE, ALTER ROUTINE on ${schema}.* to …`,
      },
    ]);
    const grant = (privilege: string): Promise<unknown> =>
      other.query(`grant ${privilege} on ${schema}.* to '${new URL(theirs).username}'@'%'`);
    await grant('alter routine');
    expect(await found()).toMatchObject([pending, lacks('CREATE ROUTINE')]);
    await grant('create routine');
    expect(await found()).toMatchObject([pending]);
    await limited.close(true);
  });

  it('the doctor gives up a check without an answer, and goes on with the others', async () => {
    await other.query('lock tables core_enrollments write');
    const findings = await examineDatabase(url, {}, { limit: 4000, atTheEnd: () => other.query('unlock tables') });
    const stuck = findings
      .filter(({ message }) => message.startsWith('No answer for 4 s.'))
      .map(({ check, status }) => [check, status]);
    expect(stuck).toEqual([
      ['keys', 'failed'],
      ['privileges', 'failed'],
      ['counts', 'failed'],
      ['probe', 'failed'],
    ]);
    expect(findings.filter(({ status }) => status === 'ok').map(({ check }) => check)).toEqual(
      expect.arrayContaining(['connection', 'clock', 'index']),
    );
  });

  it('the doctor tries nothing on tables that a rollback does not restore', async () => {
    const [keys] = await other.query(
      "select constraint_name as name from information_schema.referential_constraints where constraint_schema = database() and table_name = 'core_enrollments'",
    );
    for (const { name } of keys as { name: string }[])
      await other.query(`alter table core_enrollments drop foreign key ${name}`);
    await other.query('alter table core_enrollments engine = MyISAM');
    const before = await allRows(database);
    expect(findingsOf(await examineDatabase(url), 'probe')).toMatchObject([
      {
        status: 'failed',
        message: 'Not tried, because a rollback would not undo it: core_enrollments is MyISAM.',
        advice: expect.stringContaining('InnoDB'),
      },
    ]);
    expect(await allRows(database)).toEqual(before);
  });

  it('the doctor finds a clock that is wrong', async () => {
    await database.em.getConnection().execute('set timestamp = 1000000000', [], 'run');
    expect(await examineClock(database)).toMatchObject([
      { status: 'warning', message: expect.stringMatching(/^The database's clock is \d+\.\d s behind/) },
    ]);
  });

  it('the doctor finds the settings of its own connections, not those that the server gives others', async () => {
    const findings = await examineDatabase(url);
    expect(findings.find(({ check }) => check === 'settings')!.message).toMatch(
      /^Isolation READ-COMMITTED; lock waits end after \d+ s; at most \d+ connections\.$/,
    );
  });
});
