import { afterEach, beforeEach, expect, it } from 'vitest';
import { Course, Enrollment, Role, User } from '../../../src/entities/index.js';
import { pino } from 'pino';
import { addCourse, addEnrollment, addUser } from '../../support/api.js';
import { startBreakingProxy } from '../../support/breaking-proxy.js';
import { describeOnEach, describeOnServers } from '../../support/databases.js';
import { protocols, subscribeBy } from '../../support/live-clients.js';
import { mutate } from '../../support/mutations.js';
import { bypassCounters } from '../../support/place-on.js';
import { addUsers } from '../../support/rows.js';
import { summarize, statementsOf } from '../../support/statements.js';
import { steppedClock } from '../../support/stepped-clock.js';
import { startLiveApi, nextCounts, type LiveApi } from './live-api.js';

describeOnEach('live counts', kind => {
  let live: LiveApi;

  beforeEach(async () => {
    live = await startLiveApi(kind);
  });
  afterEach(() => live.stop());

  it('live counts arrive as they are first, one message for each course, in the order of the ids', async () => {
    const { database } = live.api;
    const [first, second] = [await addCourse(database), await addCourse(database)];
    await addEnrollment(database, first, await addUser(database, Role.STUDENT));
    const named = live.subscribeByEach({ courseIds: [second, first, second] });
    expect([await nextCounts(named), await nextCounts(named)]).toEqual([
      [
        [second, 0, 0],
        [second, 0, 0],
      ],
      [
        [first, 1, 1],
        [first, 1, 1],
      ],
    ]);
    const all = live.subscribeByEach();
    expect([await nextCounts(all), await nextCounts(all)]).toEqual([
      [
        [first, 1, 1],
        [first, 1, 1],
      ],
      [
        [second, 0, 0],
        [second, 0, 0],
      ],
    ]);
  });

  it('live counts arrive after each commit, whoever has written: this server, another one, and SQL of another program', async () => {
    const { api, clock, admin } = live;
    const course = await addCourse(api.database);
    const [first, second] = await addUsers(api.database, Role.STUDENT, 2);
    const clients = live.subscribeByEach({ courseIds: [course] });
    await nextCounts(clients);

    await mutate(api, admin, 'enroll', { courseId: course, studentId: first });
    await clock.tick();
    expect(await nextCounts(clients)).toEqual([
      [course, 1, 1],
      [course, 1, 1],
    ]);

    const { server } = await live.another();
    await mutate(
      { ...api, send: (token, query, variables) => sendTo(server.url, token, query, variables) },
      admin,
      'enroll',
      { courseId: course, studentId: second },
    );
    await clock.tick();
    expect(await nextCounts(clients)).toEqual([
      [course, 2, 2],
      [course, 2, 2],
    ]);

    await bypassCounters(api.database, `update core_course set total_enrollments = 7 where id = ${course}`);
    await clock.tick();
    expect(await nextCounts(clients)).toEqual([
      [course, 7, 2],
      [course, 7, 2],
    ]);
  });

  it('a burst of changes arrives once for each look, as the counts are then', async () => {
    const { api, clock, admin } = live;
    const course = await addCourse(api.database);
    const students = await addUsers(api.database, Role.STUDENT, 200);
    const clients = live.subscribeByEach({ courseIds: [course] });
    const messages = [await nextCounts(clients)];
    for (const half of [students.slice(0, 100), students.slice(100)]) {
      for (let from = 0; from < half.length; from += 10)
        await mutate(api, admin, 'enrollMany', { courseId: course, studentIds: half.slice(from, from + 10) });
      await clock.tick();
      messages.push(await nextCounts(clients));
    }
    expect(messages.map(([one]) => one)).toEqual([
      [course, 0, 0],
      [course, 100, 100],
      [course, 200, 200],
    ]);
    expect(messages.map(([, other]) => other)).toEqual(messages.map(([one]) => one));
  });

  it('the counts of a transaction are sent to nobody while it is open, nor when it is rolled back', async () => {
    const { api, clock } = live;
    const course = await addCourse(api.database);
    const student = await addUser(api.database, Role.STUDENT);
    const { database: other } = await live.another();
    const clients = live.subscribeByEach({ courseIds: [course] });
    await nextCounts(clients);
    const em = other.em.fork();
    await em.begin();
    em.create(Enrollment, {
      course: em.getReference(Course, course, { wrapped: true }),
      student: em.getReference(User, student, { wrapped: true }),
      status: 'dropped' as never,
    });
    await em.flush();
    await clock.tick();
    await em.rollback();
    await clock.tick();
    await addEnrollment(api.database, course, student);
    await clock.tick();
    expect(await nextCounts(clients)).toEqual([
      [course, 1, 1],
      [course, 1, 1],
    ]);
  });

  it('counts are sent only when they differ, whatever else happens to the course', async () => {
    const { api, clock, admin } = live;
    const [course, teacher] = [await addCourse(api.database), await addUser(api.database, Role.TEACHER)];
    const clients = [...live.subscribeByEach({ courseIds: [course] }), ...live.subscribeByEach()];
    expect(await nextCounts(clients)).toEqual(clients.map(() => [course, 0, 0]));
    await mutate(api, admin, 'updateCourse', { id: course, instructorId: teacher, title: 'Another' });
    await clock.tick();
    const [student] = await addUsers(api.database, Role.STUDENT, 1);
    const { enrollment } = await mutate(api, admin, 'enroll', { courseId: course, studentId: student });
    await mutate(api, admin, 'unenroll', { enrollmentId: (enrollment as { id: string }).id });
    await clock.tick();
    await mutate(api, admin, 'enroll', { courseId: course, studentId: student });
    await clock.tick();
    expect(await nextCounts(clients)).toEqual(clients.map(() => [course, 1, 1]));
  });

  it('the deletion of a course is sent once, and the subscription goes on with the others', async () => {
    const { api, clock, admin } = live;
    const [gone, left] = [await addCourse(api.database), await addCourse(api.database)];
    const clients = [...live.subscribeByEach({ courseIds: [gone, left] }), ...live.subscribeByEach()];
    await nextCounts(clients);
    await nextCounts(clients);
    await mutate(api, admin, 'deleteCourse', { id: gone });
    await clock.tick();
    expect(await nextCounts(clients)).toEqual(clients.map(() => [gone, null]));
    await addEnrollment(api.database, left, await addUser(api.database, Role.STUDENT));
    await clock.tick();
    expect(await nextCounts(clients)).toEqual(clients.map(() => [left, 1, 1]));
  });

  it('live counts cost one statement a look, one more where counts have changed, and none when nobody listens', async () => {
    const { api, clock } = live;
    const [course, student] = [await addCourse(api.database), await addUser(api.database, Role.STUDENT)];
    expect(clock.isAwaited).toBe(false);
    const clients = [...live.subscribeByEach({ courseIds: [course] }), ...live.subscribeByEach()];
    await nextCounts(clients);
    // The first look verifies the first messages of those who subscribed at once.
    await clock.tick();
    expect(summarize(await statementsOf(api.database, () => clock.tick()))).toEqual(['select core_course']);
    await addEnrollment(api.database, course, student);
    expect(summarize(await statementsOf(api.database, () => clock.tick()))).toEqual([
      'select core_course',
      'select core_course',
    ]);
    await nextCounts(clients);
    for (const client of clients) client.close();
    await clock.untilIdle();
    expect(await statementsOf(api.database, async () => clock.goOn())).toEqual([]);
  });
});

describeOnServers('live counts', kind => {
  it('live counts wait for a database that is away, and go on when it is back', async () => {
    const live = await startLiveApi(kind);
    const { port } = new URL(live.api.databaseUrl);
    const proxy = await startBreakingProxy(Number(port));
    const lines: { level: number; msg: string }[] = [];
    const clock = steppedClock();
    const { server } = await live.another({
      clock,
      url: live.api.databaseUrl.replace(`:${port}/`, `:${proxy.port}/`),
      logger: pino({}, { write: line => void lines.push(JSON.parse(line) as never) }),
    });
    const course = await addCourse(live.api.database);
    const clients = protocols.map(protocol => subscribeBy(protocol, server.url, { courseIds: [course] }));
    await nextCounts(clients);
    await addEnrollment(live.api.database, course, await addUser(live.api.database, Role.STUDENT));
    const troubles = (): string[] => lines.filter(({ msg }) => msg.startsWith('live counts')).map(({ msg }) => msg);
    proxy.breakAll();
    while (troubles().length < 2) await clock.tick();
    expect(troubles()).toEqual([
      'live counts cannot be read; subscribers wait until they can be',
      'live counts can be read again',
    ]);
    expect(await nextCounts(clients)).toEqual([
      [course, 1, 1],
      [course, 1, 1],
    ]);
    expect(clients.map(client => client.connections)).toEqual([1, 1]);
    for (const client of clients) client.close();
    await live.stop();
    await proxy.close();
  });
});

async function sendTo(url: string, token: string | null, query: string, variables: object = {}): Promise<never> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  return { status: response.status, ...((await response.json()) as object) } as never;
}
