import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { planUndo, undoLast } from '../../src/database/schema/undo.js';
import { Role } from '../../src/entities/index.js';
import { freshUrl } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { pipeTo, resultsOf, scriptText } from '../support/sql-clients.js';
import { describeInClients, errorCodeOf, expectedLines, expectedSummary } from './expected-lines.js';

const file = scriptText('functions.postgresql.sql');
const call = 'select verify_enrollment_counts() as mismatches';

describeInClients(
  'the function verify_enrollment_counts',
  (client, kind) => {
    let database: Database;
    let url: string;
    let drop: () => Promise<void>;

    beforeAll(async () => {
      ({ url, drop } = freshUrl(kind));
      database = await openDatabase(url);
      await migrateUp(database);
    });
    beforeEach(async () => {
      await execute('drop function if exists verify_enrollment_counts()');
      expect(await resultsOf(client, url, file)).toEqual([]);
    });
    afterAll(async () => {
      await database.close(true);
      await drop();
    });

    const execute = (sql: string): Promise<Record<string, unknown>[]> => database.em.getConnection().execute(sql);

    /** Returns the server's definitions of functions, in lower case with white space normalized, and their comments. */
    async function installed(): Promise<string[]> {
      const rows = await execute(
        "select pg_get_functiondef(oid) as body, obj_description(oid, 'pg_proc') as comment from pg_proc where pronamespace = current_schema()::regnamespace",
      );
      return rows.map(({ body, comment }) => `${String(body).toLowerCase().replace(/\s+/g, ' ')} ${String(comment)}`);
    }

    it('the function returns the number of stored counts that differ, and changes nothing', async () => {
      const [first, second] = await addCourses(database, [{}, {}, {}]);
      const students = await addUsers(database, Role.STUDENT, 2);
      await addEnrollments(
        database,
        students.map(student => ({ course: first!, student })),
      );
      expect(await execute(call)).toEqual([{ mismatches: 0 }]);
      await execute(
        `update core_course set total_enrollments = total_enrollments + 1 where id in (${first}, ${second})`,
      );
      await execute(`update core_course set active_enrollments = 7 where id = ${second}`);
      const truth = expectedSummary(await expectedLines(database, 'MATCH'));
      expect(truth['mismatches']).toBe('3');
      expect(await execute(call)).toEqual([{ mismatches: 3 }]);
      expect(await resultsOf(client, url, call)).toEqual([[{ mismatches: '3' }]]);
      expect(expectedSummary(await expectedLines(database, 'MATCH'))).toEqual(truth);
      await execute('update core_course set total_enrollments = 0, active_enrollments = 0');
      await execute(`update core_course set total_enrollments = 2, active_enrollments = 2 where id = ${first}`);
      expect(await execute(call)).toEqual([{ mismatches: 0 }]);
    });

    it('the function from schema/functions.postgresql.sql is the same as from the migration, even where it exists already', async () => {
      const fromFile = await installed();
      expect(fromFile).toMatchObject([expect.stringContaining(' stable ')]);
      expect(fromFile[0]).not.toContain('security definer');
      expect(await resultsOf(client, url, file)).toEqual([]);
      expect(await installed()).toEqual(fromFile);
      expect(await planUndo(database)).toMatchObject({ procedures: ['function verify_enrollment_counts'] });
      await undoLast(database);
      expect(await installed()).toEqual([]);
      expect(await migrateUp(database)).toEqual(['2026-11-30-verify-function']);
      expect(await installed()).toEqual(fromFile);
    });

    it.each([
      ['function', 'returns int language sql as $$ select 42 $$'],
      ['procedure', 'language sql as $$ select 42 $$'],
    ])('a %s of another application is left as it is, and reported', async (what, body) => {
      await execute('drop function verify_enrollment_counts()');
      await execute(`create ${what} verify_enrollment_counts() ${body}`);
      const theirs = await installed();
      const { code, stdout, stderr } = await pipeTo(client, url, file).ended;
      expect([code, stdout, stderr]).toEqual([
        errorCodeOf(client),
        '',
        expect.stringContaining("verify_enrollment_counts is not Rollcall's: nothing was done"),
      ]);
      expect(await planUndo(database)).toMatchObject({ procedures: [] });
      await undoLast(database);
      await migrateUp(database);
      expect(await installed()).toEqual(theirs);
      await execute(`drop ${what} verify_enrollment_counts()`);
    });

    it('another user calls the function with SELECT on what it reads', async () => {
      const name = `limited_${randomUUID().slice(0, 8)}`;
      await execute(`create user ${name} password 'secret'`);
      const theirs = Object.assign(new URL(url), { username: name, password: 'secret' }).href;
      expect((await pipeTo(client, theirs, call).ended).stderr).toContain('permission denied for table');
      await execute(`grant select on core_course, core_enrollments to ${name}`);
      expect(await resultsOf(client, theirs, call)).toEqual([[{ mismatches: '0' }]]);
      await execute(`drop owned by ${name}`);
      await execute(`drop user ${name}`);
    });
  },
  ['postgresql'],
);
