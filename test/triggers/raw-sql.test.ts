import type { SqlEntityManager } from '@mikro-orm/sql';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { installTriggers, recount } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../src/database/database.js';
import { Course, Role } from '../../src/entities/index.js';
import { addCourse, addUser, storedAndActual } from '../support/api.js';
import { describeOnEach, freshUrl } from '../support/databases.js';
import { migrate } from '../support/migrated.js';
import { isMySql } from '../support/server.js';

describeOnEach('raw SQL with triggers', kind => {
  let database: Database;
  let drop: () => Promise<void>;
  let courses: number[];
  let students: number[];
  const ignore = { sqlite: 'insert or ignore', mysql: 'insert ignore', mariadb: 'insert ignore', postgresql: 'insert' }[
    kind
  ];
  const ignored = kind === 'postgresql' ? ' on conflict do nothing' : '';
  const now = kind === 'sqlite' ? '0' : "'2026-01-01 00:00:00'";

  beforeAll(async () => {
    const fresh = freshUrl(kind);
    database = await openDatabase(fresh.url, 'triggers');
    await migrate(database);
    await installTriggers(database.em);
    drop = async () => {
      await database.close(true);
      await fresh.drop();
    };
  });

  afterAll(() => drop());

  beforeEach(async () => {
    courses = [await addCourse(database), await addCourse(database)];
    students = await Promise.all([0, 1, 2].map(() => addUser(database, Role.STUDENT)));
  });

  const run = (sql: string): Promise<unknown> => database.em.getConnection().execute(sql, [], 'run');
  const row = (course: number, student: number, status = 'active'): string =>
    `(${courses[course]}, ${students[student]}, '${status}', ${now}, ${now})`;
  const insertSql = (verb: string, rows: readonly string[]): string =>
    `${verb} into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) values ${rows.join(', ')}`;
  const insert = (verb: string, ...rows: string[]): Promise<unknown> => run(insertSql(verb, rows));

  /** Compares the counts of the two courses with the expected ones, and those of all courses with COUNT(*). */
  async function expectCounts(first: number[], second: number[]): Promise<void> {
    const all = await storedAndActual(database);
    for (const { stored, actual } of all) expect(stored).toEqual(actual);
    expect(courses.map(id => all.find(course => course.id === id)!.stored)).toEqual([first, second]);
  }

  it('triggers count one row and many rows of raw SQL', async () => {
    await insert('insert', row(0, 0));
    await insert('insert', row(0, 1, 'dropped'), row(1, 0), row(1, 1), row(0, 2));
    await expectCounts([3, 2], [2, 2]);
  });

  it('triggers do not count a duplicate that an ignoring INSERT drops', async () => {
    await insert('insert', row(0, 0));
    await run(insertSql(ignore, [row(0, 0), row(0, 1), row(0, 0, 'dropped')]) + ignored);
    await expectCounts([2, 2], [0, 0]);
  });

  // PostgreSQL has no such statement.
  if (kind !== 'postgresql')
    it('triggers count a row that REPLACE puts in place of another', async () => {
      await insert('insert', row(0, 0), row(0, 1));
      await insert('replace', row(0, 0, 'completed'), row(1, 2));
      await expectCounts([2, 1], [1, 1]);
    });

  it('triggers follow an upsert that updates an existing row', async () => {
    await insert('insert', row(0, 0));
    const clause = isMySql(kind)
      ? "on duplicate key update status = 'dropped'"
      : "on conflict (course_id, student_id) do update set status = 'dropped'";
    await run(`${insertSql('insert', [row(0, 0), row(0, 1)])} ${clause}`);
    await expectCounts([2, 1], [0, 0]);
  });

  it('triggers follow moves and status changes, alone and together', async () => {
    await insert('insert', row(0, 0), row(0, 1), row(0, 2));
    await run(`update core_enrollments set status = 'completed' where student_id = ${students[0]}`);
    await expectCounts([3, 2], [0, 0]);
    await run(`update core_enrollments set course_id = ${courses[1]} where student_id = ${students[1]}`);
    await expectCounts([2, 1], [1, 1]);
    await run(
      `update core_enrollments set course_id = ${courses[1]}, status = 'active' where course_id = ${courses[0]}`,
    );
    await expectCounts([0, 0], [3, 3]);
    await run(`update core_enrollments set enrolled_at = ${now} where course_id = ${courses[1]}`);
    await expectCounts([0, 0], [3, 3]);
  });

  it('triggers follow deletions, and forget what is rolled back', async () => {
    await insert('insert', row(0, 0), row(0, 1, 'dropped'), row(1, 2));
    await run(`delete from core_enrollments where course_id = ${courses[0]}`);
    await expectCounts([0, 0], [1, 1]);
    const undone = database.em.fork().transactional(async em => {
      await em.execute(`delete from core_enrollments where course_id = ${courses[1]}`);
      throw new Error('changed my mind');
    });
    await expect(undone).rejects.toThrow('changed my mind');
    await expectCounts([0, 0], [1, 1]);
  });

  it('triggers go on from a count that was recounted', async () => {
    await insert('insert', row(0, 0), row(0, 1, 'dropped'), row(1, 2));
    await run(
      `update core_course set total_enrollments = 7, active_enrollments = 9 where id in (${courses.join(', ')})`,
    );
    for (const course of courses)
      await database.em.fork().transactional(em => recount(em as SqlEntityManager, Course, [course]));
    await expectCounts([2, 1], [1, 1]);
    await run(`delete from core_enrollments where course_id = ${courses[0]}`);
    await expectCounts([0, 0], [1, 1]);
  });
});
