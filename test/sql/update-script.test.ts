import { afterEach, beforeEach, expect, it } from 'vitest';
import { installTriggers } from 'mikro-orm-counters';
import type { Database } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { engineServerKinds, freshDatabase } from '../support/databases.js';
import { namedLockWaits, untilLockWaits } from '../support/lock-waits.js';
import { addCourses, addEnrollments, addUsers, expectExactCounts } from '../support/rows.js';
import { pipeTo, resultsOf } from '../support/sql-clients.js';
import { describeInClients, expectedLines, updateScript } from './expected-lines.js';

describeInClients(
  'the update script',
  (client, kind) => {
    const text = updateScript(kind);
    const schema = kind === 'postgresql' ? 'current_schema()' : 'database()';
    let database: Database;
    let url: string;
    let drop: () => Promise<void>;
    let courses: number[];
    let students: number[];

    beforeEach(async () => {
      ({ database, url, drop } = await freshDatabase(kind));
      courses = await addCourses(database, [{}, {}, {}]);
      students = await addUsers(database, Role.STUDENT, 4);
      await addEnrollments(
        database,
        courses.flatMap(course => students.slice(1).map(student => ({ course, student }))),
      );
      await database.em
        .getConnection()
        .execute('update core_course set total_enrollments = total_enrollments + 5, active_enrollments = 0', [], 'run');
    });

    afterEach(() => drop());

    const execute = (sql: string): Promise<unknown[]> => database.em.getConnection().execute(sql);

    /** Keeps the second course locked while `work` runs, in a transaction that is committed then. */
    async function withLockedCourse(
      work: (run: (sql: string) => Promise<unknown>) => Promise<void>,
      lock = `select id from core_course where id = ${courses[1]} for update`,
    ): Promise<void> {
      await database.em.fork().transactional(async em => {
        const run = (sql: string): Promise<unknown> =>
          em.getConnection().execute(sql, [], 'run', em.getTransactionContext());
        await run(lock);
        await work(run);
      });
    }

    it('the update script waits for a writer of a course, and counts what that writer has committed', async () => {
      let script!: ReturnType<typeof pipeTo>;
      await withLockedCourse(async run => {
        script = pipeTo(client, url, text);
        await untilLockWaits(database);
        await run(
          `insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) values (${courses[1]}, ${students[0]}, 'active', now(), now())`,
        );
      });
      expect(await script.ended).toMatchObject({ code: 0, stderr: '' });
      await expectExactCounts(database);
      expect((await expectedLines(database, 'OK')).map(({ actual }) => actual)).toEqual(['3', '3', '4', '4', '3', '3']);
    });

    it('the update script holds no lock while it waits for one', async () => {
      let script!: ReturnType<typeof pipeTo>;
      await withLockedCourse(async () => {
        script = pipeTo(client, url, text);
        await untilLockWaits(database);
        await execute(`update core_course set title = 'written' where id in (${courses[0]}, ${courses[2]})`);
        await execute(`update core_enrollments set status = 'dropped' where course_id = ${courses[0]}`);
        await execute(`update core_course set active_enrollments = 0 where id = ${courses[0]}`);
      });
      expect(await script.ended).toMatchObject({ code: 0, stderr: '' });
      await expectExactCounts(database);
    });

    it('the update script leaves a course that another client keeps locked, repairs the others, and says so', async () => {
      await withLockedCourse(async () => {
        const [lines, summary] = await resultsOf(
          client,
          url,
          text,
          kind === 'postgresql' ? "set lock_timeout = '1s'" : 'set innodb_lock_wait_timeout = 1',
        );
        expect(lines!.filter(({ result }) => result === 'MISMATCH').map(({ id }) => id)).toEqual([
          String(courses[1]),
          String(courses[1]),
        ]);
        expect([lines, summary]).toEqual([await expectedLines(database, 'OK'), [{ courses: '3', mismatches: '2' }]]);
      });
    });

    // On PostgreSQL the foreign key's check does not exclude the script, which then waits for nothing.
    if (kind !== 'postgresql')
      it('the update script tries a course again after a deadlock with a program that writes the enrollment first', async () => {
        const insert = `insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) values (${courses[1]}, ${students[0]}, 'active', now(), now())`;
        let script!: ReturnType<typeof pipeTo>;
        // The foreign key's check takes a shared lock on the course, and the script waits for it; the program then
        // requests an exclusive one.
        await withLockedCourse(async run => {
          script = pipeTo(client, url, text);
          await untilLockWaits(database);
          await run(
            `update core_course set total_enrollments = total_enrollments + 1, active_enrollments = active_enrollments + 1 where id = ${courses[1]}`,
          );
        }, insert);
        expect(await script.ended).toMatchObject({ code: 0, stderr: '' });
        await expectExactCounts(database);
      });

    it('the update script repairs beside a guard', async () => {
      await installTriggers(database.em, { guard: true });
      expect(await pipeTo(client, url, text).ended).toMatchObject({ code: 0, stderr: '' });
      await expectExactCounts(database);
    });

    it('the update script takes turns with another one', async () => {
      let both!: ReturnType<typeof pipeTo>[];
      await withLockedCourse(async () => {
        const first = pipeTo(client, url, text);
        await untilLockWaits(database);
        both = [first, pipeTo(client, url, text)];
        while (!(await namedLockWaits(database)));
      });
      for (const { ended } of both)
        expect(await ended).toMatchObject({ code: 0, stdout: expect.not.stringContaining('MISMATCH'), stderr: '' });
      await expectExactCounts(database);
    });

    it('the update script can be run again after its client was killed in the middle, and leaves no procedure behind', async () => {
      let again!: ReturnType<typeof resultsOf>;
      await withLockedCourse(async () => {
        const script = pipeTo(client, url, text);
        await untilLockWaits(database);
        script.kill();
        await script.ended;
        again = resultsOf(client, url, text);
        while (!(await namedLockWaits(database)));
      });
      expect((await again)[1]).toEqual([{ courses: '3', mismatches: '0' }]);
      await expectExactCounts(database);
      expect(
        await execute(
          `select routine_name from information_schema.routines where routine_schema = ${schema} and routine_name <> 'verify_enrollment_counts'`,
        ),
      ).toEqual([]);
    });

    const sessions =
      kind === 'postgresql'
        ? [
            String.raw`\set AUTOCOMMIT off`,
            'set session characteristics as transaction isolation level serializable, read only',
            'set statement_timeout = 1',
          ]
        : [
            'set autocommit = 0',
            'set session transaction isolation level serializable',
            "set sql_mode = 'ANSI,TRADITIONAL'",
          ];
    it.each(sessions)('the update script repairs and commits in a session with %s', async first => {
      const [lines] = await resultsOf(client, url, text, first);
      expect(lines).toEqual(await expectedLines(database, 'OK'));
      await expectExactCounts(database);
    });

    it('the update script sets a count that is NULL', async () => {
      await execute(
        kind === 'postgresql'
          ? 'alter table core_course alter column active_enrollments drop not null'
          : 'alter table core_course modify active_enrollments int unsigned null',
      );
      await execute('update core_course set active_enrollments = null, total_enrollments = 3');
      const [lines] = await resultsOf(client, url, text);
      expect(lines!.map(({ stored }) => stored)).toEqual(['3', '3', '3', '3', '3', '3']);
      await expectExactCounts(database);
    });
  },
  engineServerKinds,
);
