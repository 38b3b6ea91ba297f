import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import { Course, CourseStatus, EnrollmentStatus, Role } from '../../src/entities/index.js';
import { createCourse, deleteCourse } from '../../src/use-cases/courses.js';
import {
  enroll,
  enrollMany,
  setEnrollmentStatus,
  transferEnrollment,
  unenroll,
} from '../../src/use-cases/enrollments.js';
import { coursePage, coursesById, enrollmentsById, usersById } from '../../src/reading/index.js';
import { startRecount, workOn } from '../../src/recounts/index.js';
import { createUser, deleteUser } from '../../src/use-cases/users.js';
import { verifyCounts } from '../../src/recounts/verify-counts.js';
import { operator } from '../../src/access/viewer.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { startKeysAfter, numberKey } from '../support/keys.js';
import { expectExactCounts } from '../support/rows.js';

/**
 * The numbers after which the next keys are assigned: the ends of keys of 31 and of 32 bits, and others that need 64
 * bits.
 */
const STARTS = [2 ** 31 - 2, 2 ** 32 - 2, 2 ** 40, 2 ** 53 - 100];
/** A number that JavaScript would round. */
const UNSAFE = '9007199254740993';
const TABLES = ['core_user', 'core_course', 'core_enrollments', 'core_recount_runs', 'core_recount_changes'];

describeOnEach('high keys', kind => {
  let database: Database;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    ({ database, drop } = await freshDatabase(kind));
  });
  afterAll(() => drop());

  const run = <Row extends object>(sql: string): Promise<Row[]> => database.em.getConnection().execute<Row[]>(sql);
  /** Makes the next key of each table follow a number. */
  async function startKeysAt(last: number): Promise<void> {
    for (const table of TABLES) await startKeysAfter(database, table, last);
  }
  const valueOf = async <Value>(outcome: Promise<{ value: Value | null }>): Promise<Value> => (await outcome).value!;
  const status = EnrollmentStatus.DROPPED;
  async function driftsOf(courseIds: number[] | null): Promise<unknown[]> {
    const counts = [];
    for await (const chunk of (await valueOf(verifyCounts(database, operator, { courseIds }))).chunks)
      counts.push(...chunk.counts);
    return counts;
  }

  it.each(STARTS)(
    'counts are exact where keys begin after %i: enrolled, moved, unenrolled, deleted, verified, recounted',
    async last => {
      await startKeysAt(last);
      const users: number[] = [];
      for (const name of ['One', 'Two', 'Three', 'Four'])
        users.push(
          numberKey(
            (
              await valueOf(
                createUser(database, operator, { name, email: `${name}-${last}@example.org`, role: Role.STUDENT }),
              )
            ).id,
          ),
        );
      const course = { title: `Course ${last}`, status: CourseStatus.ACTIVE, isPublished: true };
      const first = numberKey((await valueOf(createCourse(database, operator, course))).id);
      const second = numberKey((await valueOf(createCourse(database, operator, course))).id);
      expect([users[0], first]).toEqual([last + 1, last + 1]);
      const {
        enrollment: { id },
      } = await valueOf(enroll(database, operator, { courseId: first, studentId: users[0]! }));
      expect(id).toBe(last + 1);
      const { ids } = await valueOf(enrollMany(database, operator, { courseId: first, studentIds: users.slice(1) }));
      await setEnrollmentStatus(database, operator, { enrollmentId: ids[0]!, status });
      await transferEnrollment(database, operator, { enrollmentId: ids[1]!, courseId: second });
      await unenroll(database, operator, { enrollmentId: id });
      await deleteUser(database, operator, { id: users[3]! });
      await expectExactCounts(database);
      expect(await coursesById(database, operator, [first, second])).toMatchObject([
        { totalEnrollments: 1, activeEnrollments: 0 },
        { totalEnrollments: 1, activeEnrollments: 1 },
      ]);
      expect(await usersById(database, [users[1]!])).toMatchObject([{ id: users[1] }]);
      expect(await enrollmentsById(database, operator, ids.slice(0, 2))).toMatchObject([
        { id: ids[0], courseId: first },
        { id: ids[1], courseId: second },
      ]);

      await run(`update core_course set total_enrollments = 7 where id = ${first}`);
      const drifts = await driftsOf([first, second]);
      expect(drifts).toMatchObject([
        { counter: 'Course.totalEnrollments', courseId: first, stored: 7, actual: 1, drift: 6 },
      ]);
      const claimed = await valueOf(startRecount(database, operator, { courseIds: [first, second] }));
      expect(claimed.id).toBe(last + 1);
      expect(await workOn(database, claimed)).toMatchObject({
        id: last + 1,
        status: 'succeeded',
        checked: 2,
        repaired: 1,
      });
      const changes = await run<object>(
        `select run_id, course_id, count_before, count_after from core_recount_changes where run_id = ${claimed.id}`,
      );
      expect(changes).toEqual([{ run_id: claimed.id, course_id: first, count_before: 7, count_after: 1 }]);
      await deleteCourse(database, operator, { id: second });
      await expectExactCounts(database);
    },
  );

  it('keys that JavaScript would round are rejected with the number, wherever they are read', async () => {
    await startKeysAt(2 ** 31);
    const { id } = await valueOf(createCourse(database, operator, { title: 'Rounded' }));
    for (const [column, where] of [
      ['total_enrollments', `id = ${id}`],
      ['id', `id = ${id}`],
    ]) {
      await run(`update core_course set ${column} = ${UNSAFE} where ${where}`);
      const unsafe = { code: 'UNSAFE_NUMBER', message: expect.stringContaining(`The database holds ${UNSAFE} in `) };
      const key = column === 'id' ? null : id;
      const order = { list: 'courses', field: 'ID', column: 'id', descending: true } as const;
      const page = { size: 5, backward: false, after: null, before: null };
      await expect(coursePage(database, operator, {}, order, page)).rejects.toMatchObject(unsafe);
      await expect(driftsOf(null)).rejects.toMatchObject(
        key === null
          ? unsafe
          : {
              ...unsafe,
              message: expect.stringContaining(
                `${UNSAFE} in Course.totalEnrollments of the row with id = ${id}, beyond ${Number.MAX_SAFE_INTEGER}, the highest number that is read exactly. Mend it by: update core_course set total_enrollments = 0 where id = ${id}; then recount`,
              ),
            },
      );
      await expect(database.em.fork().find(Course, {})).rejects.toMatchObject(unsafe);
      if (key !== null) await expect(coursesById(database, operator, [key])).rejects.toMatchObject(unsafe);
    }
    await run(`update core_course set total_enrollments = 0, id = ${id} where title = 'Rounded'`);
    expect(await coursesById(database, operator, [id])).toMatchObject([{ id, totalEnrollments: 0 }]);
  });
});
