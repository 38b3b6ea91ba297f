import { afterEach, beforeEach, expect, it } from 'vitest';
import { CounterError } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../src/database/database.js';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import { createCourse, deleteCourse } from '../../src/use-cases/courses.js';
import {
  enroll,
  enrollMany,
  setEnrollmentStatus,
  transferEnrollment,
  unenroll,
} from '../../src/use-cases/enrollments.js';
import { inTransaction } from '../../src/transactions/transactions.js';
import { createUser, deleteUser } from '../../src/use-cases/users.js';
import { addCourse, addEnrollment, addUser, storedAndActual } from '../support/api.js';
import { startBreakingProxy, type BreakingProxy } from '../support/breaking-proxy.js';
import { describeOnServers, freshDatabase } from '../support/databases.js';

const admin = { userId: null, role: Role.ADMIN };

// SQLite has no connection that could be lost.
describeOnServers('a commit without an answer', kind => {
  let direct: Awaited<ReturnType<typeof freshDatabase>>;
  let proxy: BreakingProxy;
  let database: Database;
  let course: number;
  let student: number;

  beforeEach(async () => {
    direct = await freshDatabase(kind);
    const url = new URL(direct.url);
    proxy = await startBreakingProxy(Number(url.port));
    url.port = String(proxy.port);
    database = await openDatabase(url.href);
    course = await addCourse(direct.database);
    student = await addUser(direct.database, Role.STUDENT);
  });

  afterEach(async () => {
    await database.close(true);
    await proxy.close();
    await direct.drop();
  });

  for (const moment of ['before', 'after'] as const) {
    const broken = moment === 'before' ? 'lost before the server saw it' : 'that took place';

    it(`every use case does its work once and says that it is done when the commit's answer is lost: ${broken}`, async () => {
      const says = async <Value>(
        work: () => Promise<{ value: Value | null; problems: readonly unknown[] }>,
      ): Promise<Value> => {
        const before = proxy.broken;
        proxy.breakAtCommit(moment);
        const { value, problems } = await work();
        expect(proxy.broken).toBe(before + 1);
        expect(problems).toEqual([]);
        expect(value).not.toBeNull();
        return value!;
      };
      const made = await says(() => createCourse(database, admin, { title: 'Made' }));
      const user = await says(() => createUser(database, admin, { name: 'Made', email: 'made@example.org' }));
      const { enrollment: enrolled } = await says(() =>
        enroll(database, admin, { courseId: course, studentId: student }),
      );
      await says(() => enrollMany(database, admin, { courseId: course, studentIds: [user.id] }));
      await says(() =>
        setEnrollmentStatus(database, admin, { enrollmentId: enrolled.id, status: EnrollmentStatus.DROPPED }),
      );
      expect((await storedAndActual(direct.database)).map(({ stored }) => stored)).toEqual([
        [2, 1],
        [0, 0],
      ]);
      await says(() => transferEnrollment(database, admin, { enrollmentId: enrolled.id, courseId: made.id }));
      expect((await storedAndActual(direct.database)).map(({ stored }) => stored)).toEqual([
        [1, 1],
        [1, 0],
      ]);
      await says(() => unenroll(database, admin, { enrollmentId: enrolled.id }));
      await says(() => deleteUser(database, admin, { id: user.id }));
      await says(() => deleteCourse(database, admin, { id: made.id }));
      expect(await storedAndActual(direct.database)).toEqual([{ id: course, stored: [0, 0], actual: [0, 0] }]);
    });
  }

  it('a commit without an answer is COMMIT_UNKNOWN where the work does not say how to find out', async () => {
    proxy.breakAtCommit('after');
    const work = inTransaction(database, em =>
      em.execute('update core_course set capacity = coalesce(capacity, 0) + 1'),
    );
    await expect(work).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' });
    expect(await direct.database.em.getConnection().execute('select capacity from core_course')).toEqual([
      { capacity: 1 },
    ]);
  });

  it('a commit without an answer is COMMIT_UNKNOWN at the last try too, when no other can find out', async () => {
    let tries = 0;
    const work = async (): Promise<void> => {
      tries += 1;
      if (tries < 11) throw new CounterError('COUNTER_CONFLICT', 'The row has moved.');
      proxy.breakAtCommit('after');
      await Promise.resolve();
    };
    await expect(inTransaction(database, work, 'repeat')).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' });
    expect([tries, proxy.broken]).toEqual([11, 1]);
  });

  it('a commit that turns out not to have taken place does not excuse the error of the next try: the caller gets that error', async () => {
    let tries = 0;
    proxy.breakAtCommit('before');
    const work = (): Promise<void> => ((tries += 1) === 1 ? Promise.resolve() : Promise.reject(new Error('mine')));
    await expect(inTransaction(database, work, () => Promise.resolve(false))).rejects.toThrow('mine');
    expect([tries, proxy.broken]).toEqual([2, 1]);
  });

  it('a commit without an answer does not make an existing enrollment look like a new one', async () => {
    await addEnrollment(direct.database, course, student);
    proxy.breakAtCommit('after');
    const { value, problems } = await enroll(database, admin, { courseId: course, studentId: student });
    expect([value, problems.map(({ code }) => code)]).toEqual([null, ['ALREADY_ENROLLED']]);
  });

  it('more broken connections than the pool has places leave the pool intact', async () => {
    for (let round = 0; round < 25; round += 1) {
      proxy.breakAtCommit('after');
      await setEnrollmentStatus(database, admin, {
        enrollmentId: await addEnrollment(direct.database, course, await addUser(direct.database, Role.STUDENT)),
        status: EnrollmentStatus.COMPLETED,
      });
    }
    expect(proxy.broken).toBe(25);
    expect(await storedAndActual(direct.database)).toEqual([{ id: course, stored: [25, 0], actual: [25, 0] }]);
  });
});
