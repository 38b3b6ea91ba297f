import { afterAll, beforeAll, expect, it } from 'vitest';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import type { Database } from '../../src/database/database.js';
import {
  computedCounts,
  computedCountsByStatus,
  enrollmentPage,
  type EnrollmentFilter,
} from '../../src/reading/index.js';
import type { Viewer } from '../../src/access/viewer.js';
import { describeOnEach, describeOnFirstThree, freshDatabase } from '../support/databases.js';
import { isMySql } from '../support/server.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { statementsOf } from '../support/statements.js';

const { ACTIVE, DROPPED } = EnrollmentStatus;

/** The plan of a part of a statement: the index that it uses, and the whole text. */
interface Plan {
  readonly key: string | null;
  readonly text: string;
}

describeOnFirstThree('a page of enrollments', kind => {
  let database: Database;
  let drop: () => Promise<void>;
  let course: number;

  beforeAll(async () => {
    ({ database, drop } = await freshDatabase(kind));
    const students = await addUsers(database, Role.STUDENT, 40);
    const courses = await addCourses(database, [{}, {}, {}]);
    course = courses[1]!;
    await addEnrollments(
      database,
      courses.flatMap(one => students.map(student => ({ course: one, student }))),
    );
  });
  afterAll(() => drop());

  const orders = (['id', 'enrolled_at'] as const).flatMap(column =>
    [false, true].map(descending => ({ column, descending })),
  );
  const lists: [string, boolean, EnrollmentFilter, (column: string) => string][] = [
    ['a course', true, {}, column => (column === 'id' ? 'course_id' : 'course_id_enrolled_at')],
    [
      'two statuses of a course',
      true,
      { status: [ACTIVE, DROPPED] },
      column => (column === 'id' ? 'course_id_status' : 'course_id_status_enrolled_at'),
    ],
    [
      'one status of all courses',
      false,
      { status: [DROPPED] },
      column => (column === 'id' ? 'status' : 'status_enrolled_at'),
    ],
    [
      'two statuses of all courses',
      false,
      { status: [ACTIVE, DROPPED] },
      column => (column === 'id' ? 'status' : 'status_enrolled_at'),
    ],
  ];

  it.each(
    orders.flatMap(order =>
      lists.map(
        ([name, inCourse, filter, index]) =>
          [
            name,
            order.column,
            order.descending ? 'descending' : 'ascending',
            { order, inCourse, filter, index },
          ] as const,
      ),
    ),
  )(
    'a page of enrollments of %s by %s %s is read from the index in its order, and not by a scan of all rows',
    async (_name, _column, _direction, { order, inCourse, filter, index }) => {
      const admin: Viewer = { role: Role.ADMIN, userId: null };
      const [statement, ...others] = await statementsOf(database, () =>
        enrollmentPage(
          database,
          admin,
          { ...filter, ...(inCourse && { courseId: course }) },
          { list: 'enrollments', field: '', ...order },
          { size: 5, backward: false, after: null, before: null },
        ),
      );
      expect(others).toEqual([]);
      const plans = await plansOf(statement!);
      expect(plans.length).toBeGreaterThan(0);
      for (const { key, text } of plans)
        expect([key, text]).toEqual([`core_enrollments_${index(order.column)}_index`, text]);
    },
  );

  it.each<[string, string, (database: Database, courses: readonly number[]) => Promise<unknown>]>([
    ['all', 'course_id', (db, ids) => computedCounts(db, ids, { status: null, limit: null })],
    ['all up to a limit', 'course_id', (db, ids) => computedCounts(db, ids, { status: null, limit: 3 })],
    ['one status', 'course_id_status', (db, ids) => computedCounts(db, ids, { status: [DROPPED], limit: null })],
    ['each status', 'course_id_status', (db, ids) => computedCountsByStatus(db, ids)],
  ])(
    'a computed count of %s reads the smallest index that has the enrollments of a course',
    async (_name, index, count) => {
      const [statement, ...others] = await statementsOf(database, () => count(database, [course]));
      expect(others).toEqual([]);
      const plans = await plansOf(statement!);
      expect(plans.length).toBeGreaterThan(0);
      const name = `core_enrollments_${index}_index`;
      for (const { key, text } of plans) expect([key, text]).toEqual([name, text]);
      // In a small table the servers choose it by themselves, in a large one a larger index.
      if (kind !== 'sqlite') expect(statement).toContain(name);
    },
  );

  /** Returns the index in which each part looks up enrollments, except single rows by their key. */
  async function plansOf(statement: string): Promise<Plan[]> {
    const rows = await database.em
      .getConnection()
      .execute<Record<string, unknown>[]>(
        `explain ${{ sqlite: 'query plan', mysql: 'format=traditional', mariadb: '' }[kind]} ${statement}`,
      );
    if (kind === 'sqlite') {
      const texts = rows.map(({ detail }) => String(detail)).filter(text => text.includes('core_enrollments'));
      return texts
        .filter(text => !text.includes('USING INTEGER PRIMARY KEY (rowid=?)'))
        .map(text => ({ key: / INDEX (\w+)/.exec(text)?.[1] ?? null, text }));
    }
    return rows
      .filter(({ table, type }) => table === 'core_enrollments' && type !== 'eq_ref')
      .map(row => ({ key: row['key'] as string | null, text: JSON.stringify(row) }));
  }
});

describeOnEach('a page whose index is missing', kind => {
  it('a page is read without the index that somebody has dropped', async () => {
    const { database, drop } = await freshDatabase(kind);
    const [student] = await addUsers(database, Role.STUDENT, 1);
    const courses = await addCourses(database, [{}, {}]);
    const ids = await addEnrollments(
      database,
      courses.map(one => ({ course: one, student: student!, status: DROPPED })),
    );
    await database.em
      .getConnection()
      .execute(`drop index core_enrollments_status_index${isMySql(kind) ? ' on core_enrollments' : ''}`);
    const { rows } = await enrollmentPage(
      database,
      { role: Role.ADMIN, userId: null },
      { status: [DROPPED] },
      { list: 'enrollments', field: '', column: 'id', descending: true },
      { size: 5, backward: false, after: null, before: null },
    );
    expect(rows.map(({ id }) => id)).toEqual(ids.toReversed());
    await drop();
  });
});
