import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { migrateUp } from '../../src/database/schema/migrate-up.js';
import { Role } from '../../src/entities/index.js';
import { enroll } from '../../src/use-cases/enrollments.js';
import { describeAmong } from '../support/describe-among.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { plainClient } from '../support/plain-client.js';
import { postgresqlFolder, startPostgresql, type PostgresqlServer } from '../support/postgresql.js';
import { addCourses, addUsers, expectExactCounts } from '../support/rows.js';

const admin = { userId: null, role: Role.ADMIN };
const STUDENTS = 30;

/** How often a row may be there, by what the caller was told. */
const possible: Readonly<Record<string, readonly number[]>> = {
  done: [1],
  DATABASE_UNAVAILABLE: [0],
  RETRY_LATER: [0],
  COMMIT_UNKNOWN: [0, 1],
};

// Each server process of PostgreSQL has one session; where one is killed, the others are ended, and the data recovered.
describeAmong(
  ['postgresql'] as const,
  () => postgresqlFolder() !== undefined,
  kind => `killed processes of a server, ${kind},`,
  () => {
    let server: PostgresqlServer;
    let database: Database;

    beforeAll(async () => {
      server = await startPostgresql(true);
      database = await openDatabase(`${server.url}/killed`);
      await migrateUp(database);
    });
    afterAll(async () => {
      await database?.close(true);
      await server?.stop();
    });

    const rows = <Row extends object>(sql: string): Promise<Row[]> => database.em.getConnection().execute<Row[]>(sql);

    it.each([
      [
        'of one session are killed',
        async () => {
          const [waiting] = await rows<{ pid: number }>(
            "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
          );
          process.kill(waiting!.pid, 'SIGKILL');
        },
      ],
      [
        'all end at once, as by a power cut',
        async () => {
          await server.kill();
          await server.start();
        },
      ],
    ])(
      'changes of a server whose processes %s are made once or not at all, as their callers are told',
      async (_, end) => {
        const [held, free] = (await addCourses(database, [{}, {}])) as [number, number];
        const students = await addUsers(database, Role.STUDENT, STUDENTS);
        const holder = await plainClient(`${server.url}/killed`);
        onTestFinished(() => holder.end().catch(() => undefined));
        await holder.query(`begin; select id from core_course where id = ${held} for update`);
        const changes = students.flatMap(student =>
          [held, free].map(course => ({
            course,
            student,
            told: enroll(database, admin, { courseId: course, studentId: student }).then(
              ({ problems }) => problems.map(({ code }) => code).join() || 'done',
              (error: { code: string }) => error.code,
            ),
          })),
        );
        await untilLockWaits(database);
        await end();
        const told = await Promise.all(changes.map(change => change.told));
        const there = await rows<{ course_id: number; student_id: number }>(
          'select course_id, student_id from core_enrollments',
        );
        const pairs = there.map(row => `${row.course_id} ${row.student_id}`);
        for (const [index, { course, student }] of changes.entries()) {
          const times = pairs.filter(pair => pair === `${course} ${student}`).length;
          expect(possible[told[index]!], told[index]).toContain(times);
        }
        await expectExactCounts(database);
      },
    );
  },
);
