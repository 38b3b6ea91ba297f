import { beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { poolUse } from '../../src/database/connections/pool-use.js';
import { TimeLimit, withinLimit } from '../../src/database/time-limits/time-limit.js';
import { waitingUntil } from '../../src/database/time-limits/waits.js';
import { Course, EnrollmentStatus, Role } from '../../src/entities/index.js';
import { courseQueuesOf } from '../../src/transactions/course-queues.js';
import { deleteCourse, updateCourse } from '../../src/use-cases/courses.js';
import {
  enroll,
  enrollMany,
  setEnrollmentStatus,
  transferEnrollment,
  unenroll,
} from '../../src/use-cases/enrollments.js';
import { coursesById } from '../../src/reading/index.js';
import { deadlocks } from '../../src/transactions/transactions.js';
import { deleteUser } from '../../src/use-cases/users.js';
import { addCourse, addEnrollment } from '../support/api.js';
import { waitUntil } from '../support/wait.js';
import { describeOnEach, describeOnServers, freshDatabase, useDatabase } from '../support/databases.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { addCourses, addUsers, allRows, expectExactCounts } from '../support/rows.js';
import { numberKey } from '../support/keys.js';

const admin = { userId: null, role: Role.ADMIN };

describeOnEach('changes of one course', kind => {
  const opened = useDatabase(kind);
  let database: Database;
  let course: number;
  let students: number[];

  beforeEach(async () => {
    ({ database } = opened);
    course = await addCourse(database);
    students = await addUsers(database, Role.STUDENT, 30);
  });

  const waiting = (): number => courseQueuesOf(database).waiting;

  it('changes of one course run in the order in which they were requested, on one working connection, one that waits, and one that is being returned', async () => {
    let most = 0;
    database.config.set('onQuery', sql => {
      void poolUse(database).then(({ active }) => (most = Math.max(most, active)));
      return sql;
    });
    const outcomes = await Promise.all(
      students.map(studentId => enroll(database, admin, { courseId: course, studentId })),
    );
    const ids = outcomes.map(({ value }) => value!.enrollment.id);
    expect(ids).toEqual(ids.toSorted((one, other) => numberKey(one) - numberKey(other)));
    expect(most).toBeLessThanOrEqual(3);
    expect(waiting()).toBe(0);
    await expectExactCounts(database);
  });

  it('changes of one course wait for their turn before they take a connection, whichever they are, and go on when it comes', async () => {
    const enrollments = await Promise.all(
      students.slice(0, 4).map(student => addEnrollment(database, course, student)),
    );
    const [first, second, third] = enrollments as [number, number, number];
    const other = await addCourse(database);
    const ofOther = await addEnrollment(database, other, students[6]!);
    const giveBack = await courseQueuesOf(database).take([course]);
    const changes = [
      enroll(database, admin, { courseId: course, studentId: students[5]! }),
      enrollMany(database, admin, { courseId: course, studentIds: students.slice(10, 20) }),
      setEnrollmentStatus(database, admin, { enrollmentId: first, status: EnrollmentStatus.COMPLETED }),
      unenroll(database, admin, { enrollmentId: second }),
      transferEnrollment(database, admin, { enrollmentId: third, courseId: other }),
      transferEnrollment(database, admin, { enrollmentId: ofOther, courseId: course }),
      updateCourse(database, admin, { id: course, title: 'Wanted' }),
      deleteUser(database, admin, { id: students[3]! }),
    ];
    await waitUntil(() => waiting() === changes.length, 'Not all changes wait for their turn.');
    expect(await poolUse(database)).toMatchObject({ active: 0, waiting: 0 });
    giveBack();
    for (const outcome of await Promise.all(changes)) expect(outcome.problems).toEqual([]);
    const giveBackAgain = await courseQueuesOf(database).take([course]);
    const deleting = deleteCourse(database, admin, { id: course });
    await waitUntil(() => waiting() === 1, 'The deletion does not wait for its turn.');
    giveBackAgain();
    await deleting;
    expect(await database.em.fork().count(Course, { id: course })).toBe(0);
    expect(waiting()).toBe(0);
    await expectExactCounts(database);
  });

  it('changes that wait for their turn until the time of waiting, or of the request, is over are told to try again, and nothing is changed', async () => {
    const before = await allRows(database);
    const giveBack = await courseQueuesOf(database).take([course]);
    const enrolling = () => enroll(database, admin, { courseId: course, studentId: students[0]! });
    await expect(waitingUntil(performance.now(), enrolling)).rejects.toMatchObject({
      code: 'RETRY_LATER',
      cause: { thing: 'course', refusal: 'time' },
    });
    const limit = new TimeLimit(3600);
    const stopped = withinLimit(limit, enrolling);
    await waitUntil(() => waiting() === 1, 'The change does not wait.');
    limit.stop('deadline');
    await expect(stopped).rejects.toMatchObject({ code: 'RETRY_LATER' });
    expect(waiting()).toBe(0);
    giveBack();
    expect(await allRows(database)).toEqual(before);
  });

  it('a caller who does not see a course does not wait for its changes, so that no wait reveals it', async () => {
    const hidden = await addCourse(database, { isPublished: false });
    const giveBack = await courseQueuesOf(database).take([hidden]);
    const student = { userId: students[0]!, role: Role.STUDENT };
    expect(await enroll(database, student, { courseId: hidden })).toMatchObject({
      value: null,
      problems: [{ code: 'NOT_FOUND' }],
    });
    giveBack();
  });

  it('changes of two courses in opposite order never wait for each other forever', async () => {
    const other = await addCourse(database);
    const [here, there] = [students.slice(0, 10), students.slice(10, 20)];
    const enrollments = [
      ...(await Promise.all(here.map(student => addEnrollment(database, course, student)))),
      ...(await Promise.all(there.map(student => addEnrollment(database, other, student)))),
    ];
    const met: unknown[] = [];
    const note = (message: unknown): void => void met.push(message);
    deadlocks.subscribe(note);
    const outcomes = await Promise.all(
      enrollments.map((enrollmentId, index) =>
        transferEnrollment(database, admin, { enrollmentId, courseId: index < 10 ? other : course }),
      ),
    );
    deadlocks.unsubscribe(note);
    expect(outcomes.flatMap(({ problems }) => problems)).toEqual([]);
    expect(met).toEqual([]);
    await expectExactCounts(database);
  });
});

describeOnServers('courses that another client keeps locked', kind => {
  it('courses that another client keeps locked take one connection each, however many changes wait for them, and other changes and reads do not wait', async () => {
    const opened = await freshDatabase(kind);
    const { database } = opened;
    const other = await openDatabase(opened.url);
    const courses = await addCourses(
      database,
      Array.from({ length: 6 }, () => ({})),
    );
    const students = await addUsers(database, Role.STUDENT, 10);
    const [free, ...locked] = courses as [number, ...number[]];
    const holder = other.em.fork();
    await holder.begin();
    // One by one: the database may read, and lock, all rows of a table when most of them are wanted.
    for (const id of locked) await holder.execute('select id from core_course where id = ? for update', [id]);
    const changes = locked.flatMap(courseId =>
      students.map(studentId => enroll(database, admin, { courseId, studentId })),
    );
    await untilLockWaits(other);
    await waitUntil(async () => (await poolUse(database)).active === locked.length, 'Not every course is waited for.');
    for (const studentId of students)
      expect(await enroll(database, admin, { courseId: free, studentId })).toMatchObject({ problems: [] });
    expect(await coursesById(database, 'anyone', courses)).toHaveLength(courses.length);
    expect(await poolUse(database)).toMatchObject({ active: locked.length, waiting: 0 });
    await holder.rollback();
    for (const { problems } of await Promise.all(changes)) expect(problems).toEqual([]);
    await expectExactCounts(database);
    await other.close(true);
    await opened.drop();
  });
});
