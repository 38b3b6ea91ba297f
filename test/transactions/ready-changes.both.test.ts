import { CounterError } from 'mikro-orm-counters';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import { TimeLimit, withinLimit } from '../../src/database/time-limits/time-limit.js';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import { courseQueuesOf } from '../../src/transactions/course-queues.js';
import { setEnrollmentStatus, transferEnrollment, unenroll } from '../../src/use-cases/enrollments.js';
import { admin, codesOf, countInserts, enrolling, together, type Change } from '../support/batched-changes.js';
import { describeOnEach, describeOnServers, freshDatabase } from '../support/databases.js';
import { isMySql } from '../support/server.js';
import { addCourses, addEnrollments, addUsers, expectExactCounts } from '../support/rows.js';

let opened: Awaited<ReturnType<typeof freshDatabase>>;
let database: Database;
let courses: number[];
let students: number[];

afterEach(() => opened.drop());

describeOnEach('changes of several courses that are ready at the same moment', kind => {
  beforeEach(async () => {
    opened = await freshDatabase(kind);
    ({ database } = opened);
    courses = await addCourses(database, [{}, {}, { capacity: 1 }, {}, {}, {}, {}, {}]);
    students = await addUsers(database, Role.STUDENT, 8);
  });

  it('changes of several courses that are ready at once are made in one transaction, and each count is exact', async () => {
    const inserts = countInserts(database);
    const outcomes = await together(
      database,
      courses,
      courses.map((course, index) => enrolling(course, students[index]!)),
    );
    expect(codesOf(outcomes)).toEqual(courses.map(() => []));
    expect(inserts()).toBe(1);
    await expectExactCounts(database);
  });

  it('take along those that wait for each of their courses', async () => {
    const inserts = countInserts(database);
    const outcomes = await together(
      database,
      courses.slice(0, 3),
      students.flatMap(student => courses.slice(0, 3).map(course => enrolling(course, student))),
    );
    const [first] = students;
    expect(codesOf(outcomes)).toEqual(students.flatMap(student => [[], [], student === first ? [] : ['COURSE_FULL']]));
    expect(inserts()).toBe(1);
    await expectExactCounts(database);
  });

  it('changes of several courses that are ready at once are at most 100 in one transaction', async () => {
    const many = await addUsers(database, Role.STUDENT, 60);
    const inserts = countInserts(database);
    const outcomes = await together(
      database,
      courses.slice(3, 6),
      many.flatMap(student => courses.slice(3, 6).map(course => enrolling(course, student))),
    );
    expect(new Set(codesOf(outcomes).map(String))).toEqual(new Set(['']));
    expect(inserts()).toBeGreaterThan(1);
    await expectExactCounts(database);
  });

  it('changes of several courses that are ready at once are of every kind, and each caller gets the answer of its own change', async () => {
    const [one, two, three, four, five, six, seven] = (await addEnrollments(
      database,
      courses.slice(0, 7).map(course => ({ course, student: students[7]! })),
    )) as [number, number, number, number, number, number, number];
    const stranger = (await addUsers(database, Role.TEACHER, 1))[0]!;
    const outcomes = await together(database, courses, [
      enrolling(courses[0]!, students[0]!),
      enrolling(courses[1]!, students[7]!),
      enrolling(courses[2]!, students[0]!),
      enrolling(courses[3]!, 999_999_999),
      db => unenroll(db, admin, { enrollmentId: five }),
      db => transferEnrollment(db, admin, { enrollmentId: six, courseId: courses[7]! }),
      db => setEnrollmentStatus(db, admin, { enrollmentId: seven, status: EnrollmentStatus.DROPPED }),
      enrolling(courses[1]!, students[1]!, { userId: stranger, role: Role.TEACHER }),
      db => unenroll(db, admin, { enrollmentId: one }),
      db => unenroll(db, admin, { enrollmentId: one }),
      db => setEnrollmentStatus(db, admin, { enrollmentId: two, status: EnrollmentStatus.ACTIVE }),
      db => setEnrollmentStatus(db, admin, { enrollmentId: three, status: EnrollmentStatus.DROPPED }),
      db => unenroll(db, admin, { enrollmentId: four }),
    ]);
    expect(codesOf(outcomes)).toMatchObject([
      [],
      ['ALREADY_ENROLLED'],
      ['COURSE_FULL'],
      ['NOT_FOUND'],
      [],
      [],
      [],
      'FORBIDDEN',
      [],
      ['NOT_FOUND'],
      [],
      [],
      [],
    ]);
    await expectExactCounts(database);
  });

  it('changes of several courses that are ready at once are made one by one after a conflict, so that one of them cannot keep the others from being made', async () => {
    const inserts = countInserts(database, number => {
      if (number === 1) throw new CounterError('COUNTER_CONFLICT', 'Another transaction was first.');
    });
    const outcomes = await together(
      database,
      courses,
      courses.map((course, index) => enrolling(course, students[index]!)),
    );
    expect(codesOf(outcomes)).toEqual(courses.map(() => []));
    expect(inserts()).toBe(1 + courses.length);
    await expectExactCounts(database);
  });

  it.each([0, 4, 7])(
    'a caller whose time is over before the commit, the one in place %i, is told so, and the others are not affected',
    async place => {
      const limits = students.map(() => new TimeLimit(3600));
      countInserts(database, inserts => {
        if (inserts === 1) limits[place]!.stop('deadline');
      });
      const free = courses.filter((_, index) => index !== 2);
      const outcomes = await together(
        database,
        free,
        students.map(
          (student, index) => db =>
            withinLimit(limits[index]!, () => enrolling(free[index % free.length]!, student)(db)),
        ),
      );
      expect(codesOf(outcomes)).toEqual(students.map((_, index) => (index === place ? 'REQUEST_TIMEOUT' : [])));
      expect(courseQueuesOf(database).waiting).toBe(0);
      await expectExactCounts(database);
    },
  );
});

describeOnServers('a row that another transaction has locked', kind => {
  beforeEach(async () => {
    opened = await freshDatabase(kind);
    ({ database } = opened);
    courses = await addCourses(database, [{}, {}, {}, {}]);
    students = await addUsers(database, Role.STUDENT, 60);
    // In a table of a few rows, a server looks for some by reading all, and waits for those that are locked.
    const other = await addCourses(database, [{}, {}, {}, {}]);
    await addEnrollments(
      database,
      other.flatMap(course => students.map(student => ({ course, student }))),
    );
    await database.em
      .getConnection()
      .execute(`analyze ${isMySql(kind) ? 'table ' : ''}core_course, core_user, core_enrollments`);
  });

  /** Sends changes together while another transaction has locked a row, which it gives up when all but one are made. */
  async function whileLocked(table: string, id: number, changes: readonly Change[], held: number): Promise<unknown[]> {
    const locker = database.em.fork();
    await locker.begin();
    await locker.execute(`select id from ${table} where id = ? for update`, [id]);
    const made = new Set<number>();
    const others = Promise.withResolvers<void>();
    const watched = changes.map<Change>((change, index) => async db => {
      try {
        return await change(db);
      } finally {
        made.add(index);
        if (made.size === changes.length - 1) others.resolve();
      }
    });
    const outcomes = together(database, courses, watched);
    await others.promise;
    expect(made.has(held)).toBe(false);
    await locker.commit();
    return codesOf(await outcomes);
  }

  it.each([0, 1, 3])('in place %i, a course, keeps its own change waiting and no other', async place => {
    const changes = courses.map((course, index) => enrolling(course, students[index]!));
    expect(await whileLocked('core_course', courses[place]!, changes, place)).toEqual([[], [], [], []]);
    await expectExactCounts(database);
  });

  it.each([0, 1, 3])('in place %i, a student, keeps its own change waiting and no other', async place => {
    const changes = courses.map((course, index) => enrolling(course, students[index]!));
    expect(await whileLocked('core_user', students[place]!, changes, place)).toEqual([[], [], [], []]);
    await expectExactCounts(database);
  });

  it.each([0, 1, 3])('in place %i, an enrollment, keeps its own change waiting and no other', async place => {
    const ids = await addEnrollments(
      database,
      courses.map((course, index) => ({ course, student: students[index]! })),
    );
    const changes = ids.map<Change>(
      enrollmentId => db => setEnrollmentStatus(db, admin, { enrollmentId, status: EnrollmentStatus.DROPPED }),
    );
    expect(await whileLocked('core_enrollments', ids[place]!, changes, place)).toEqual([[], [], [], []]);
    await expectExactCounts(database);
  });
});
