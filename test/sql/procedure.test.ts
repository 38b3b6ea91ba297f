import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { openDatabase, type Database } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { describeOnMySql, freshDatabase, freshUrl } from '../support/databases.js';
import { placeToRun } from '../support/command-line.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { clientsHere, pipeTo, resultsOf, scriptText } from '../support/sql-clients.js';
import { expectedSummary, expectedLines } from './expected-lines.js';

const file = scriptText('procedures.mysql.sql');
const call = 'call verify_enrollment_counts()';

describeOnMySql('the procedure verify_enrollment_counts', kind => {
  let database: Database;
  let url: string;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    ({ database, url, drop } = await freshDatabase(kind));
  });

  afterEach(() => drop());

  const execute = (sql: string): Promise<Record<string, unknown>[]> => database.em.getConnection().execute(sql);

  /** Returns the server's definition of the procedure, in lower case with white space normalized. */
  async function installed(): Promise<Record<string, string>[]> {
    const rows = await execute(
      `select routine_name as name, routine_definition as body, security_type as security, sql_data_access as access, routine_comment as comment
       from information_schema.routines where routine_schema = database()`,
    );
    return rows.map(row =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          String(value)
            .toLowerCase()
            .replace(/\s+/g, ' ')
            .replace(/([(]) | (?=[)])/g, '$1'),
        ]),
      ),
    );
  }

  it('the procedure returns the number of stored counts that differ, and changes nothing', async () => {
    expect(await rowsOf(call)).toEqual([{ mismatches: 0 }]);
    const [first, second] = await addCourses(database, [{}, {}, {}]);
    const students = await addUsers(database, Role.STUDENT, 2);
    await addEnrollments(
      database,
      students.map(student => ({ course: first!, student })),
    );
    expect(await rowsOf(call)).toEqual([{ mismatches: 0 }]);
    await execute(`update core_course set total_enrollments = total_enrollments + 1 where id in (${first}, ${second})`);
    await execute(`update core_course set active_enrollments = 7 where id = ${second}`);
    const truth = expectedSummary(await expectedLines(database, 'MATCH'));
    expect(truth['mismatches']).toBe('3');
    expect(await rowsOf(call)).toEqual([{ mismatches: 3 }]);
    expect(expectedSummary(await expectedLines(database, 'MATCH'))).toEqual(truth);
  });

  async function rowsOf(sql: string): Promise<unknown> {
    // A CALL returns its rows and then its status.
    const [rows] = (await execute(sql)) as unknown as [unknown];
    return rows;
  }

  it('the procedure runs with the rights of its caller', async () => {
    expect(await installed()).toMatchObject([
      { name: 'verify_enrollment_counts', security: 'invoker', access: 'reads sql data' },
    ]);
  });

  it('the procedure is dropped when its migration is undone', async () => {
    await database.migrator.down('2026-11-22-verify-procedure');
    expect(await installed()).toEqual([]);
  });

  describe.each(clientsHere(kind))('with %s', client => {
    it('the procedure from schema/procedures.mysql.sql is the same as from the migration, even where it exists already', async () => {
      const migrated = await installed();
      expect(await resultsOf(client, url, file)).toEqual([]);
      await execute('drop procedure verify_enrollment_counts');
      expect(await resultsOf(client, url, file)).toEqual([]);
      expect(await installed()).toEqual(migrated);
      expect(await resultsOf(client, url, call)).toEqual([[{ mismatches: '0' }]]);
    });

    it('a procedure of another application is left as it is by schema/procedures.mysql.sql, which says so', async () => {
      await execute('drop procedure verify_enrollment_counts');
      await execute("create procedure verify_enrollment_counts() comment 'theirs' select 42 as answer");
      const theirs = await installed();
      const { code, stdout, stderr } = await pipeTo(client, url, file).ended;
      expect([code, stdout, stderr]).toEqual([
        1,
        '',
        expect.stringContaining("verify_enrollment_counts is not Rollcall's: nothing was done"),
      ]);
      expect(await installed()).toEqual(theirs);
    });
  });

  describe('for a user who may not create procedures', () => {
    let limited: string;
    let account: string;

    beforeEach(async () => {
      const name = `limited_${randomUUID().slice(0, 8)}`;
      account = `'${name}'@'%'`;
      await execute(`create user ${account} identified by 'secret'`);
      limited = Object.assign(new URL(url), { username: name, password: 'secret' }).href;
    });

    afterEach(() => execute(`drop user ${account}`));

    it('a user who may not create procedures calls the procedure with EXECUTE, and with SELECT on what it reads', async () => {
      await execute(`grant execute on ${new URL(url).pathname.slice(1)}.* to ${account}`);
      const other = await openDatabase(limited);
      await expect(other.em.getConnection().execute(call)).rejects.toThrow(/select command denied/i);
      for (const table of ['core_course', 'core_enrollments']) await execute(`grant select on ${table} to ${account}`);
      expect((await other.em.getConnection().execute<unknown[]>(call))[0]).toEqual([{ mismatches: 0 }]);
      await other.close(true);
    });

    it('a user who may not create procedures cannot migrate, and the error says which statement grants it', async () => {
      const fresh = freshUrl(kind);
      const schema = new URL(fresh.url).pathname.slice(1);
      await execute(`create database ${schema}`);
      await execute(
        `grant select, insert, update, delete, create, drop, alter, index, references on ${schema}.* to ${account}`,
      );
      const theirs = Object.assign(new URL(limited), { pathname: `/${schema}` }).href;
      const place = placeToRun();
      const { code, stderr } = await place.run(['migrate', 'up'], { DATABASE_URL: theirs });
      const [, grant] = /As an administrator: (.*); then migrate again\.$/m.exec(stderr)!;
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(
          /may not apply the migrations: it lacks CREATE ROUTINE and ALTER ROUTINE on test_\w+\. Nothing was changed\./,
        ),
      });
      await execute(grant!);
      const other = await openDatabase(theirs);
      expect(await migrateUp(other)).toContain('2026-11-22-verify-procedure');
      expect((await other.em.getConnection().execute<unknown[]>(call))[0]).toEqual([{ mismatches: 0 }]);
      await other.close(true);
      place.leave();
      await fresh.drop();
    });
  });
});
