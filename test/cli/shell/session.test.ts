import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { operator } from '../../../src/access/viewer.js';
import { Shell } from '../../../src/cli/shell/shell.js';
import type { Database } from '../../../src/database/database.js';
import { Course, Enrollment, Role, User, type Key } from '../../../src/entities/index.js';
import { verifyCounts } from '../../../src/recounts/verify-counts.js';
import { enroll as enrollOutside } from '../../../src/use-cases/enrollments.js';
import { adoptedSchool, withAllStatuses } from '../../support/adopted-school.js';
import { describeOnEach, describeOnServers, freshDatabase } from '../../support/databases.js';
import { djangoCourses, djangoEnrollments, djangoUsers } from '../../support/django-tables.js';
import { untilLockWaits } from '../../support/lock-waits.js';
import { addCourses, addUsers, allRows } from '../../support/rows.js';

/** What the tests use of the names of a shell. */
interface Names {
  readonly enroll: (course: unknown, student: unknown) => Promise<Enrollment>;
  readonly unenroll: (enrollment: unknown) => Promise<void>;
  readonly setEnrollmentStatus: (enrollment: unknown, status: string) => Promise<Enrollment>;
  readonly deleteUser: (user: unknown) => Promise<void>;
  readonly first: <Entity>(entity: new () => Entity, where?: object) => Promise<Entity | null>;
  readonly refresh: <Entity>(entity: Entity) => Promise<Entity>;
  readonly counts: (course: unknown) => Promise<Record<string, { stored: number; actual: number }>>;
  readonly em: SqlEntityManager;
}

/** Texts that shells tell. */
let told: string;
beforeEach(() => {
  told = '';
  vi.spyOn(process.stderr, 'write').mockImplementation(text => {
    told += String(text);
    return true;
  });
});
afterEach(() => void vi.restoreAllMocks());

/** Starts a shell, as a person does in a terminal. */
function started(database: Database, { saves = false, holdSeconds = 60, onExpired = (): void => undefined } = {}) {
  const options = { databaseUrl: 'sqlite:', viewer: operator, saves, isTerminal: true, holdSeconds };
  const shell = new Shell(database, options, onExpired);
  const names = Object.fromEntries(
    [...shell.names.all()].map(([name, { value }]) => [name, value]),
  ) as unknown as Names;
  return { session: shell.session, ...names };
}

/** Returns how many counts of all courses drift. */
async function drifts(database: Database): Promise<number> {
  const { value } = await verifyCounts(database, operator);
  let found = 0;
  for await (const { counts } of value!.chunks) found += counts.length;
  return found;
}

/** A school with at least two courses without enrollments, and their students. */
interface School {
  readonly database: Database;
  readonly drop: () => Promise<void>;
}

const schools: Readonly<Record<string, (kind: Parameters<typeof freshDatabase>[0]) => Promise<School>>> = {
  'our own database': async kind => {
    const school = await freshDatabase(kind);
    await addUsers(school.database, Role.STUDENT, 4);
    await addCourses(school.database, [{}, {}, {}]);
    return school;
  },
  "another application's database": kind =>
    adoptedSchool(
      kind,
      [
        djangoUsers([1, 2, 3, 4].map(id => ({ id, firstName: `F${id}`, lastName: 'L' }))),
        djangoCourses([1, 2, 3].map(id => ({ id, title: `Course ${id}`, status: 'published', isPublished: true }))),
        djangoEnrollments([[1, 3, 4, 'Active']]),
      ],
      map => {
        withAllStatuses(map);
        Object.assign(map.users, { readOnly: true });
      },
    ),
};

for (const [name, make] of Object.entries(schools)) {
  describeOnEach(`a session in ${name}`, kind => {
    let school: School;
    let database: Database;
    beforeAll(async () => {
      school = await make(kind);
      ({ database } = school);
    });
    afterAll(() => school.drop());

    it('the test of the checklist moves the count up and down, and nothing of it is kept', async () => {
      const before = await allRows(database);
      const { session, ...at } = started(database);
      const [course, student] = await session.line(async () => [await at.first(Course), await at.first(User)]);
      expect(course!.totalEnrollments).toBe(0);
      const enrollment = await session.line(() => at.enroll(course, student));
      expect(told).toMatch(/^Course \d+ "Course \d": totalEnrollments 0 → 1, activeEnrollments 0 → 1\n$/);
      await session.line(() => at.refresh(course!));
      expect(course!.totalEnrollments).toBe(1);
      expect(await session.line(() => at.counts(course))).toEqual({
        totalEnrollments: { stored: 1, actual: 1 },
        activeEnrollments: { stored: 1, actual: 1 },
      });
      await session.line(() => at.unenroll(enrollment));
      await session.line(() => at.refresh(course!));
      expect(course!.totalEnrollments).toBe(0);
      expect(session.heldLines).toBe(2);
      await session.rollBack();
      expect(await allRows(database)).toEqual(before);
    });

    it('entities count by hooks at a flush, as use cases do', async () => {
      const before = await allRows(database);
      const { session, ...at } = started(database);
      const course = (await session.line(() => at.first(Course)))!;
      await session.line(async () => {
        const student = (await at.first(User))!;
        at.em.create(Enrollment, {
          course: at.em.getReference(Course, course.id, { wrapped: true }),
          student: at.em.getReference(User, student.id, { wrapped: true }),
        });
        await at.em.flush();
      });
      expect(await session.line(() => at.counts(course))).toMatchObject({ totalEnrollments: { stored: 1, actual: 1 } });
      await session.line(async () => {
        at.em.remove((await at.first(Enrollment, { course: course.id }))!);
        await at.em.flush();
      });
      expect(await session.line(() => at.counts(course))).toMatchObject({ totalEnrollments: { stored: 0, actual: 0 } });
      await session.rollBack();
      expect(await allRows(database)).toEqual(before);
    });

    it('a line that fails changes nothing, and the lines before and after it stay', async () => {
      const driftBefore = await drifts(database);
      const { session, ...at } = started(database);
      const [one, two, three] = await session.line(() => at.em.find(User, {}, { orderBy: { id: 'asc' }, limit: 3 }));
      const course = (await session.line(() => at.first(Course)))!;
      const kept = await session.line(() => at.enroll(course, one));
      const failing = session.line(async () => {
        await at.enroll(course, two);
        // Breaks a key, which ends the transaction on PostgreSQL.
        await at.em.execute(`insert into core_course (id) values (${course.id})`);
      });
      await expect(failing).rejects.toThrow();
      await expect(session.line(() => at.enroll(course, one))).rejects.toThrow('already');
      await session.line(() => at.enroll(course, three));
      await session.save();
      const after = started(database);
      expect(await after.session.line(() => after.counts(course))).toMatchObject({
        totalEnrollments: { stored: 2, actual: 2 },
      });
      expect(await drifts(database)).toBe(driftBefore);
      const cleaning = started(database, { saves: true });
      await cleaning.session.line(() => cleaning.unenroll(kept));
      await cleaning.session.line(async () =>
        cleaning.unenroll(await cleaning.first(Enrollment, { course: course.id })),
      );
      expect(cleaning.session.heldLines).toBe(0);
      expect(await drifts(database)).toBe(driftBefore);
    });
  });
}

describeOnEach('the locks of a session', kind => {
  let school: School;
  let database: Database;
  let ids: { course: Key; student: Key; other: Key };
  beforeAll(async () => {
    school = await schools['our own database']!(kind);
    ({ database } = school);
    const [student, other] = (await database.em.fork().find(User, {}, { orderBy: { id: 'asc' } })).map(({ id }) => id);
    const [course] = await addCourses(database, [{}]);
    ids = { course: course!, student: student!, other: other! };
  });
  afterAll(() => school.drop());

  it('a line that only reads leaves no transaction, and one that changes does', async () => {
    const { session, ...at } = started(database);
    await session.line(() => at.first(Course));
    await session.line(() => at.em.execute('select count(*) from core_course'));
    expect(session.em.isInTransaction()).toBe(false);
    await session.line(() => at.enroll(ids.course, ids.student));
    expect(session.em.isInTransaction()).toBe(true);
    await session.rollBack();
    expect(session.em.isInTransaction()).toBe(false);
  });

  it('changes are rolled back when no line comes, so that others go on', async () => {
    const expired = Promise.withResolvers<void>();
    const { session, ...at } = started(database, { holdSeconds: 1, onExpired: expired.resolve });
    await session.line(() => at.enroll(ids.course, ids.student));
    const waiting = enrollOutside(database, operator, { courseId: ids.course, studentId: ids.other });
    await expired.promise;
    expect((await waiting).problems).toEqual([]);
    expect(session.heldLines).toBe(0);
    expect(await session.line(() => at.counts(ids.course))).toMatchObject({
      totalEnrollments: { stored: 1, actual: 1 },
    });
  });

  it('lines run one after another, and so do changes that one line begins at once', async () => {
    const { session, ...at } = started(database);
    const [course] = await addCourses(database, [{}]);
    const lines = [ids.student, ids.other].map(student => session.line(() => at.enroll(course, student)));
    await Promise.all(lines);
    await session.rollBack();
    await session.line(() => Promise.all([at.enroll(course, ids.student), at.enroll(course, ids.other)]));
    expect(await session.line(() => at.counts(course))).toMatchObject({ totalEnrollments: { stored: 2, actual: 2 } });
    await session.line(() => at.deleteUser(ids.other));
    expect(await session.line(() => at.counts(course))).toMatchObject({ totalEnrollments: { stored: 1, actual: 1 } });
    await session.rollBack();
  });

  it('forks, inner transactions and query builders of em stay in the transaction', async () => {
    const before = await allRows(database);
    const { session, em } = started(database);
    const course = { title: 'In a fork' };
    await session.line(async () => {
      const fork = em.fork();
      fork.create(Course, course);
      await fork.flush();
    });
    await session.line(() =>
      em.transactional(
        async inner => {
          inner.fork().create(Course, course);
          inner.create(Course, course);
          await inner.flush();
        },
        { propagation: 'requires_new' as never },
      ),
    );
    await session.line(() =>
      em.createQueryBuilder(Course).update({ title: 'Built' }).where({ title: course.title }).execute(),
    );
    await session.line(() => em.execute("update core_course set title = 'By SQL' where title = 'Built'"));
    expect(await session.line(() => em.count(Course, { title: 'By SQL' }))).toBe(2);
    await session.rollBack();
    expect(await allRows(database)).toEqual(before);
  });
});

describe('what would leave the transaction', () => {
  let school: School;
  beforeAll(async () => {
    school = await schools['our own database']!('sqlite');
  });
  afterAll(() => school.drop());

  it.each([
    ['begin', (em: SqlEntityManager) => em.begin()],
    ['commit', (em: SqlEntityManager) => em.commit()],
    ['rollback', (em: SqlEntityManager) => em.rollback()],
    ['getConnection', (em: SqlEntityManager) => em.getConnection()],
    ['getKysely', (em: SqlEntityManager) => em.getKysely()],
    ['getRepository', (em: SqlEntityManager) => em.getRepository(Course)],
    ['execute', (em: SqlEntityManager) => em.execute('alter table core_course add column x integer')],
    ['execute', (em: SqlEntityManager) => em.execute("select ';' as a; commit")],
    ['execute', (em: SqlEntityManager) => em.execute('set autocommit = 1')],
  ] as const)('em.%s() is refused where it would leave the transaction', async (_, leave) => {
    const { session, em } = started(school.database);
    await expect(session.line(async () => leave(em))).rejects.toThrow(/leave the session|roll back/);
  });
});

describeOnServers('a transaction that the database ends', kind => {
  let school: School;
  let database: Database;
  beforeAll(async () => {
    school = await schools['our own database']!(kind);
    ({ database } = school);
  });
  afterAll(() => school.drop());

  it('after a deadlock nothing of the session is saved, and the rest of the line is refused', async () => {
    const { session, ...at } = started(database);
    await addCourses(
      database,
      Array.from({ length: 20 }, () => ({})),
    );
    const before = await allRows(database);
    const [one, two, three] = (await database.em.fork().find(Course, {}, { orderBy: { id: 'asc' } })).map(
      ({ id }) => id,
    );
    const [student] = await session.line(() => at.em.find(User, {}, { limit: 1 }));
    await session.line(() => at.enroll(one, student));
    // The other transaction has changed more, so that a database that chooses by this ends the session's.
    const other = database.em.fork();
    await other.begin();
    // PostgreSQL ends the one that looks for the deadlock.
    if (kind === 'postgresql') await other.execute("set local deadlock_timeout = '1min'");
    await other.execute(`update core_course set title = 'changed' where id > ${three}`);
    await other.execute(`update core_course set title = title where id = ${two}`);
    const blocked = other.execute(`update core_course set title = title where id = ${one}`);
    const line = session.line(async () => {
      const deadlock = await at.enroll(two, student).then(
        () => 'none',
        () => 'caught',
      );
      expect(deadlock).toBe('caught');
      await nextTurn();
      await at.enroll(three, student);
    });
    await expect(line).rejects.toThrow('The database has ended the transaction');
    await blocked;
    await other.rollback();
    expect(session.heldLines).toBe(0);
    expect(await allRows(database)).toEqual(before);
    expect(await session.line(() => at.counts(one))).toMatchObject({ totalEnrollments: { stored: 0, actual: 0 } });
  });

  it('an interrupted line is stopped while it waits for a lock, and the session goes on', async () => {
    const { session, ...at } = started(database);
    const [course] = await session.line(() => at.em.find(Course, {}, { limit: 1 }));
    const [student] = await session.line(() => at.em.find(User, {}, { limit: 1 }));
    const other = database.em.fork();
    await other.begin();
    await other.execute(`update core_course set title = title where id = ${course!.id}`);
    const line = session.line(() => at.enroll(course, student));
    const stopped = expect(line).rejects.toThrow();
    await untilLockWaits(database);
    session.interrupt();
    await stopped;
    await other.rollback();
    expect(await session.line(() => at.counts(course))).toMatchObject({ totalEnrollments: { stored: 0, actual: 0 } });
  });
});
