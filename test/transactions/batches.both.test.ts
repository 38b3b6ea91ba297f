import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Viewer } from '../../src/access/viewer.js';
import { openDatabase, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { TimeLimit, withinLimit } from '../../src/database/time-limits/time-limit.js';
import { Enrollment, EnrollmentStatus, Role } from '../../src/entities/index.js';
import { Random } from '../../src/tools/sample-data/random.js';
import { courseQueuesOf } from '../../src/transactions/course-queues.js';
import { enroll, setEnrollmentStatus, transferEnrollment, unenroll } from '../../src/use-cases/enrollments.js';
import type { Outcome } from '../../src/use-cases/outcome.js';
import { admin, codesOf, countInserts, enrolling, together, type Change } from '../support/batched-changes.js';
import { startBreakingProxy } from '../support/breaking-proxy.js';
import { describeOnEach, describeOnServers, freshDatabase, strategy } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers, expectExactCounts } from '../support/rows.js';
import { rowTrigger } from '../support/row-trigger.js';
import { numberKey } from '../support/keys.js';

describeOnEach('a batch of changes of one course', kind => {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  let database: Database;
  let course: number;
  let students: number[];

  beforeEach(async () => {
    opened = await freshDatabase(kind);
    ({ database } = opened);
    [course] = (await addCourses(database, [{}])) as [number];
    students = await addUsers(database, Role.STUDENT, 12);
  });
  afterEach(() => opened.drop());

  async function enrolled(): Promise<number[]> {
    const rows = await database.em.fork().find(Enrollment, { course }, { orderBy: { id: 'asc' } });
    return rows.map(({ student }) => numberKey(student.id));
  }

  it('changes that wait for one course are made in one transaction, in the order of their requests', async () => {
    const inserts = countInserts(database);
    const outcomes = await together(
      database,
      [course],
      students.map(student => enrolling(course, student)),
    );
    expect(codesOf(outcomes)).toEqual(students.map(() => []));
    expect(inserts()).toBe(1);
    expect(await enrolled()).toEqual(students);
    await expectExactCounts(database);
  });

  it('a batch has at most 100 changes', async () => {
    const many = await addUsers(database, Role.STUDENT, 150);
    const inserts = countInserts(database);
    const outcomes = await together(
      database,
      [course],
      many.map(student => enrolling(course, student)),
    );
    expect(codesOf(outcomes)).toEqual(many.map(() => []));
    expect(inserts()).toBe(2);
    expect(await enrolled()).toEqual(many);
    await expectExactCounts(database);
  });

  it('each caller of a batch gets the answer of its own change, and seats go by the order of the requests', async () => {
    const teacher = (await addUsers(database, Role.TEACHER, 1))[0]!;
    const [small] = (await addCourses(database, [{ capacity: 3, instructor: teacher }])) as [number];
    const [first, second, third, fourth] = students as [number, number, number, number];
    const [seated] = (await addEnrollments(database, [{ course: small, student: students[9]! }])) as [number];
    const asTeacher: Viewer = { userId: teacher, role: Role.TEACHER };
    const stranger: Viewer = { userId: (await addUsers(database, Role.TEACHER, 1))[0]!, role: Role.TEACHER };
    const outcomes = await together(
      database,
      [small],
      [
        enrolling(small, first),
        enrolling(small, first, asTeacher),
        enrolling(small, second, stranger),
        enrolling(small, 999_999_999),
        db => enroll(db, { userId: second, role: Role.STUDENT }, { courseId: small }),
        enrolling(small, third),
        db => setEnrollmentStatus(db, asTeacher, { enrollmentId: seated, status: EnrollmentStatus.DROPPED }),
        enrolling(small, third),
        db => setEnrollmentStatus(db, admin, { enrollmentId: seated, status: EnrollmentStatus.ACTIVE }),
        db => unenroll(db, admin, { enrollmentId: seated }),
        db => unenroll(db, { userId: students[9]!, role: Role.STUDENT }, { enrollmentId: seated }),
        enrolling(small, fourth),
      ],
    );
    expect(codesOf(outcomes)).toEqual([
      [],
      ['ALREADY_ENROLLED'],
      'FORBIDDEN',
      ['NOT_FOUND'],
      [],
      ['COURSE_FULL'],
      [],
      [],
      ['COURSE_FULL'],
      [],
      ['NOT_FOUND'],
      ['COURSE_FULL'],
    ]);
    await expectExactCounts(database);
  });

  it('a student whose enrollment is deleted in a batch can be enrolled anew by a change that waits too', async () => {
    const [old] = (await addEnrollments(database, [{ course, student: students[0]! }])) as [number];
    const outcomes = await together(
      database,
      [course],
      [
        enrolling(course, students[1]!),
        db => unenroll(db, admin, { enrollmentId: old }),
        enrolling(course, students[0]!),
      ],
    );
    expect(codesOf(outcomes)).toEqual([[], [], []]);
    expect(await enrolled()).toEqual([students[1], students[0]]);
    await expectExactCounts(database);
  });

  it('moves between the same two courses are made in one transaction', async () => {
    const [other] = (await addCourses(database, [{ capacity: 2 }])) as [number];
    const moved = await addEnrollments(
      database,
      students.slice(0, 3).map(student => ({ course, student })),
    );
    const [back] = (await addEnrollments(database, [{ course: other, student: students[5]! }])) as [number];
    const moves = moved.map<Change>(
      enrollmentId => db => transferEnrollment(db, admin, { enrollmentId, courseId: other }),
    );
    const outcomes = await together(
      database,
      [course, other],
      [
        moves[0]!,
        moves[1]!,
        db => transferEnrollment(db, admin, { enrollmentId: back, courseId: course }),
        moves[2]!,
        moves[2]!,
      ],
    );
    expect(codesOf(outcomes)).toEqual([[], ['COURSE_FULL'], [], [], ['INVALID']]);
    await expectExactCounts(database);
  });

  it('a change that needs another course too waits for that, and is not made without its lock', async () => {
    const [other] = (await addCourses(database, [{ capacity: 1 }])) as [number];
    const [moved] = (await addEnrollments(database, [{ course, student: students[0]! }])) as [number];
    const inserts = countInserts(database);
    const outcomes = await together(
      database,
      [course],
      [
        enrolling(course, students[1]!),
        db => transferEnrollment(db, admin, { enrollmentId: moved, courseId: other }),
        enrolling(course, students[2]!),
      ],
    );
    expect(codesOf(outcomes)).toEqual([[], [], []]);
    expect(inserts()).toBe(2);
    await expectExactCounts(database);
  });

  it.each([0, 1, 5])(
    'a caller whose time is over before the commit, the one in place %i, is told so, and nothing of it is saved; the others are not affected',
    async place => {
      const limits = students.map(() => new TimeLimit(3600));
      countInserts(database, inserts => {
        if (inserts === 1) limits[place]!.stop('deadline');
      });
      const outcomes = await together(
        database,
        [course],
        students.map((student, index) => db => withinLimit(limits[index]!, () => enrolling(course, student)(db))),
      );
      expect(codesOf(outcomes)).toEqual(students.map((_, index) => (index === place ? 'REQUEST_TIMEOUT' : [])));
      expect((await enrolled()).toSorted((one, two) => one - two)).toEqual(
        students.filter((_, index) => index !== place),
      );
      expect(courseQueuesOf(database).waiting).toBe(0);
      await expectExactCounts(database);
    },
  );

  it.each([0, 1, 5])('a change that the database rejects, the one in place %i, fails alone', async place => {
    await rejectStudent(database, kind, students[place]!);
    const outcomes = await together(
      database,
      [course],
      students.map(student => enrolling(course, student)),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(
      students.map((_, index) => (index === place ? 'rejected' : 'fulfilled')),
    );
    expect(String((outcomes[place] as PromiseRejectedResult).reason)).toContain('not this student');
    expect((await enrolled()).toSorted((one, two) => one - two)).toEqual(
      students.filter((_, index) => index !== place),
    );
    await expectExactCounts(database);
  });

  it('a batch gives the same answers and the same rows as its changes one after another', async () => {
    const random = new Random(23);
    const second = await freshDatabase(kind);
    const places = [database, second.database];
    for (let round = 0; round < 4; round += 1) {
      const made = await Promise.all(
        places.map(async each => {
          const users = await addUsers(each, Role.STUDENT, 20);
          const [here] = (await addCourses(each, [{ capacity: 8 }])) as [number];
          const ids = await addEnrollments(
            each,
            users.slice(0, 10).map((student, index) => ({
              course: here,
              student,
              status: index % 2 === 0 ? EnrollmentStatus.ACTIVE : EnrollmentStatus.DROPPED,
            })),
          );
          return { each, users, here, ids };
        }),
      );
      const picks = Array.from({ length: 25 }, () => ({
        what: random.below(3),
        which: random.below(10),
        to: random.pick(Object.values(EnrollmentStatus)),
      }));
      const changesOf = ({ users, here, ids }: (typeof made)[number]): Change[] =>
        picks.map(({ what, which, to }) => {
          if (what === 0) return enrolling(here, users[10 + which]!);
          return what === 1
            ? db => unenroll(db, admin, { enrollmentId: ids[which]! })
            : db => setEnrollmentStatus(db, admin, { enrollmentId: ids[which]!, status: to });
        });
      const batched = await together(made[0]!.each, [made[0]!.here], changesOf(made[0]!));
      const single: PromiseSettledResult<Outcome<unknown>>[] = [];
      for (const change of changesOf(made[1]!)) single.push(...(await Promise.allSettled([change(made[1]!.each)])));
      expect(codesOf(batched), `round ${round}`).toEqual(codesOf(single));
      const rows = await Promise.all(
        made.map(async ({ each, users, here }) => {
          const found = await each.em.fork().find(Enrollment, { course: here }, { orderBy: { student: 'asc' } });
          return found.map(({ student, status }) => [users.indexOf(numberKey(student.id)), status]);
        }),
      );
      expect(rows[0]).toEqual(rows[1]);
      for (const each of places) await expectExactCounts(each);
    }
    await second.drop();
  });
});

/** Makes the database reject the enrollment of one student. */
async function rejectStudent(database: Database, kind: DatabaseKind, student: number): Promise<void> {
  const statements = rowTrigger(kind, 'rejects_student', 'before insert', 'core_enrollments', {
    rejectsWhere: `new.student_id = ${student}`,
    message: 'not this student',
  });
  for (const sql of statements) await database.em.getConnection().execute(sql, [], 'run');
}

describeOnServers('the commit of a batch', kind => {
  it.each(['before', 'after'] as const)(
    'a commit without an answer, lost %s the server made it, saves each change of a batch once, and each caller is told so',
    async moment => {
      const direct = await freshDatabase(kind);
      const url = new URL(direct.url);
      const proxy = await startBreakingProxy(Number(url.port));
      url.port = String(proxy.port);
      const database = await openDatabase(url.href, strategy);
      const [course] = (await addCourses(direct.database, [{}])) as [number];
      const students = await addUsers(direct.database, Role.STUDENT, 8);
      const [old, changed] = (await addEnrollments(direct.database, [
        { course, student: students[0]! },
        { course, student: students[1]! },
      ])) as [number, number];
      proxy.breakAtCommit(moment);
      const outcomes = await together(
        database,
        [course],
        [
          ...students.slice(2).map(student => enrolling(course, student)),
          db => unenroll(db, admin, { enrollmentId: old }),
          db => setEnrollmentStatus(db, admin, { enrollmentId: changed, status: EnrollmentStatus.DROPPED }),
          enrolling(course, students[2]!),
        ],
      );
      expect(proxy.broken).toBe(1);
      // Two callers enroll the same student: when the commit did not take place, either may come first at the next try.
      const [first, ...others] = codesOf(outcomes) as [string[], ...string[][]];
      const last = others.pop()!;
      expect(others).toEqual(students.slice(1).map(() => []));
      expect([first, last].toSorted((one, two) => one.length - two.length)).toEqual([[], ['ALREADY_ENROLLED']]);
      const rows = await direct.database.em.fork().find(Enrollment, { course }, { orderBy: { student: 'asc' } });
      expect(rows.map(({ student, status }) => [student.id, status])).toEqual([
        [students[1], EnrollmentStatus.DROPPED],
        ...students.slice(2).map(student => [student, EnrollmentStatus.ACTIVE]),
      ]);
      await expectExactCounts(direct.database);
      await database.close(true);
      await proxy.close();
      await direct.drop();
    },
  );
});
