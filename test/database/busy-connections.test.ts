import { afterEach, beforeEach, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { waitingUntil } from '../../src/database/time-limits/waits.js';
import { enroll } from '../../src/use-cases/enrollments.js';
import { coursesById } from '../../src/reading/index.js';
import { addCourse, addEnrollment, addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { holdConnections, holdLanes } from '../support/held-connections.js';
import { scrape } from '../support/metrics.js';
import { allRows, expectExactCounts } from '../support/rows.js';

const admin = { userId: null, role: Role.ADMIN };

describeOnEach('the connections of a server', kind => {
  let api: Api;
  let course: number;
  let other: number;
  let student: number;

  beforeEach(async () => {
    api = await startApi(kind);
    [course, other, student] = [
      await addCourse(api.database),
      await addCourse(api.database),
      await addUser(api.database, Role.STUDENT),
    ];
  });
  afterEach(() => api.stop());

  const isReady = async (): Promise<number> => (await fetch(new URL('/readyz', api.url))).status;

  it('connections that transactions have taken leave some to readers, and the server stays ready', async () => {
    const release = await holdConnections(api.database, 'of transactions');
    expect(await coursesById(api.database, 'anyone', [course])).toHaveLength(1);
    expect([await isReady(), (await scrape(api.metricsUrl)).get('rollcall_database_ready')]).toEqual([200, 1]);
    await release();
  });

  it('connections that readers have taken leave some to changes, and the server stays ready', async () => {
    const release = await holdConnections(api.database, 'of readers');
    expect(await enroll(api.database, admin, { courseId: course, studentId: student })).toMatchObject({ problems: [] });
    expect([await isReady(), (await scrape(api.metricsUrl)).get('rollcall_database_ready')]).toEqual([200, 1]);
    await release();
    await expectExactCounts(api.database);
  });

  // On SQLite readers wait only for each other, and none is slow.
  if (kind !== 'sqlite')
    it('connections that readers have taken leave some to the reads of changes, before them and for their answers, and to the look-up of viewers', async () => {
      const enrollment = await addEnrollment(api.database, course, student);
      const [token, own] = [await api.token(Role.ADMIN, null), await api.token(Role.STUDENT, student)];
      const release = await holdConnections(api.database, 'of readers');
      const answers = [
        await api.send(
          token,
          `mutation { setEnrollmentStatus(input: { enrollmentId: ${enrollment}, status: DROPPED }) { enrollment { status student { id } } course { activeEnrollments enrollmentsCount { count } } } }`,
        ),
        await api.send(
          token,
          `mutation { transferEnrollment(input: { enrollmentId: ${enrollment}, courseId: ${other} }) { to { totalEnrollments } } }`,
        ),
        await api.send(
          own,
          `mutation { unenroll(input: { enrollmentId: ${enrollment} }) { course { totalEnrollments } } }`,
        ),
      ];
      expect(answers.map(({ data, errors }) => errors ?? data)).toEqual([
        {
          setEnrollmentStatus: {
            enrollment: { status: 'DROPPED', student: { id: String(student) } },
            course: { activeEnrollments: 0, enrollmentsCount: { count: 1 } },
          },
        },
        { transferEnrollment: { to: { totalEnrollments: 1 } } },
        { unenroll: { course: { totalEnrollments: 0 } } },
      ]);
      await release();
      await expectExactCounts(api.database);
    });

  if (kind !== 'sqlite')
    it('connections that wait for one table leave some to all that do not need it: readers of users, of courses and of everything else, and changes', async () => {
      const token = await api.token(Role.ADMIN, null);
      const taught = await addCourse(api.database, { instructor: await addUser(api.database, Role.TEACHER) });
      const asked = {
        enrollments: '{ enrollments(first: 1) { nodes { id } } }',
        users: `{ course(id: ${taught}) { instructor { name } } }`,
        courses: '{ courses(first: 1) { nodes { title totalEnrollments } } }',
        others: '{ recountRuns(first: 1) { nodes { id } } }',
        'a new course': 'mutation { createCourse(input: { title: "New" }) { course { id title } } }',
        'a course': `mutation { updateCourse(input: { id: ${course}, title: "Changed" }) { course { title } } }`,
        'a new user': 'mutation { createUser(input: { name: "Ada", email: "ada@example.org" }) { user { name } } }',
      };
      /**
       * Returns the requests that are answered while some lanes are held; all others wait until the server says that it
       * is busy.
       */
      const answeredWhile = async (isHeld: (lane: string) => boolean): Promise<string[]> => {
        const release = await holdLanes(api.database, isHeld);
        const answered: string[] = [];
        for (const [name, query] of Object.entries(asked)) {
          const { errors } = await waitingUntil(performance.now(), () => api.send(token, query));
          if (!errors) answered.push(name);
        }
        await release();
        return answered;
      };
      const { enrollments, ...allElse } = asked;
      expect(enrollments).toBeDefined();
      expect(await answeredWhile(lane => lane.endsWith('enrollments'))).toEqual(Object.keys(allElse));
    });

  it('a request waits for a bounded time for busy connections: a change is told that nothing was changed, and the metrics count it', async () => {
    const before = await allRows(api.database);
    const release = await holdConnections(api.database);
    const refused = async () =>
      (await scrape(api.metricsUrl)).get('rollcall_waits_refused_total{thing="connection",reason="time"}');
    const known = (await refused())!;
    const changing = waitingUntil(performance.now(), () =>
      enroll(api.database, admin, { courseId: course, studentId: student }),
    );
    await expect(changing).rejects.toMatchObject({
      code: 'RETRY_LATER',
      message: 'All connections of this server to the database were busy for too long. Nothing was changed; try again.',
    });
    await expect(
      waitingUntil(performance.now(), () => coursesById(api.database, 'anyone', [course])),
    ).rejects.toMatchObject({ thing: 'connection' });
    expect(await refused()).toBe(known + 2);
    await release();
    expect(await allRows(api.database)).toEqual(before);
  });

  if (kind !== 'sqlite') return;

  it('busy connections are reported to clients as a reason to try again, by queries and by mutations', async () => {
    const release = await holdConnections(api.database);
    const token = await api.token(Role.ADMIN, null);
    const asked = await Promise.all([
      api.send(token, '{ courses { totalCount } }'),
      api.send(
        token,
        `mutation { enroll(input: { courseId: ${course}, studentId: ${student} }) { enrollment { id } } }`,
      ),
    ]);
    await release();
    for (const { errors } of asked)
      expect(errors).toMatchObject([
        {
          message: expect.stringContaining('were busy for too long. Nothing was changed'),
          extensions: { code: 'RETRY_LATER' },
        },
      ]);
  });
});
