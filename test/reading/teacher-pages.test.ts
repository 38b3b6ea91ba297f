import { afterEach, beforeEach, expect, it } from 'vitest';
import { Enrollment, Role } from '../../src/entities/index.js';
import type { Database } from '../../src/database/database.js';
import { enrollmentPage } from '../../src/reading/index.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';

describeOnEach('a page of the enrollments of a teacher', kind => {
  let database: Database;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    ({ database, drop } = await freshDatabase(kind));
  });
  afterEach(() => drop());

  it.each(['id', 'enrolled_at'] as const)(
    "a page of a teacher's enrollments by %s has rows of later courses where those of earlier ones were deleted after they were chosen, and before they were read",
    async column => {
      const [teacher] = await addUsers(database, Role.TEACHER, 1);
      const students = await addUsers(database, Role.STUDENT, 3);
      const courses = await addCourses(database, [
        { instructor: teacher! },
        { instructor: teacher! },
        { instructor: teacher! },
      ]);
      const enrolledAt = (day: number): Date => new Date(Date.UTC(2026, 0, day + 1));
      const ids = await addEnrollments(
        database,
        courses.flatMap((course, day) => students.map(student => ({ course, student, enrolledAt: enrolledAt(day) }))),
      );
      const read = () =>
        enrollmentPage(
          database,
          { role: Role.TEACHER, userId: teacher! },
          {},
          { list: 'enrollments', field: '', column, descending: false },
          { size: 2, backward: false, after: null, before: null },
        );
      expect((await read()).rows.map(({ id }) => id)).toEqual(ids.slice(0, 2));

      // The first statement chooses three courses, as many as a page of two rows needs to know whether there is
      // another page, and not the fourth.
      const [last] = await addCourses(database, [{ instructor: teacher! }]);
      const late = await addEnrollments(
        database,
        students.map(student => ({ course: last!, student, enrolledAt: enrolledAt(9) })),
      );
      const connection = database.em.getConnection('read');
      const execute = connection.execute.bind(connection) as (...parameters: unknown[]) => Promise<unknown>;
      let statements = 0;
      connection.execute = (async (...parameters: unknown[]) => {
        statements += 1;
        if (statements === 2) {
          connection.execute = execute as never;
          await removeAll(ids);
        }
        return execute(...parameters);
      }) as never;
      try {
        const { rows, hasNextPage } = await read();
        expect([rows.map(({ id }) => id), hasNextPage]).toEqual([late.slice(0, 2), true]);
      } finally {
        connection.execute = execute as never;
      }
      expect(statements).toBe(2);
    },
  );

  async function removeAll(ids: readonly number[]): Promise<void> {
    const em = database.em.fork();
    em.remove(await em.find(Enrollment, { id: { $in: [...ids] } }));
    await em.flush();
  }
});
