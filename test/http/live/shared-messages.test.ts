import { execute, parse } from 'graphql';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import type { Viewer } from '../../../src/access/viewer.js';
import { Role } from '../../../src/entities/index.js';
import { contextFor } from '../../../src/graphql/context.js';
import { LiveCountsResolver } from '../../../src/graphql/resolvers/live-counts.js';
import { graphqlSchema } from '../../../src/graphql/schema.js';
import { SocketConnection } from '../../../src/http/live/socket-connection.js';
import { coursesById } from '../../../src/reading/index.js';
import { BackgroundRuns } from '../../../src/recounts/index.js';
import { describeOnEach } from '../../support/databases.js';
import { protocols, type CountsMessage, type LiveClient } from '../../support/live-clients.js';
import { addCourses, addEnrollments, addUsers } from '../../support/rows.js';
import { bypassCounters } from '../../support/place-on.js';
import { beginSocket } from '../../support/raw-socket.js';
import { startLiveApi, type LiveApi } from './live-api.js';

const everyColumn =
  'id title description status isPublished capacity totalEnrollments activeEnrollments createdAt updatedAt';

/** Subscriptions whose messages depend on the row of the course alone, and such as depend on more. */
const subscriptions: Readonly<Record<string, string>> = {
  'every column': `subscription { courseCountsChanged { courseId course { ${everyColumn} } } }`,
  'aliases, fragments and the names of types':
    'subscription { here: courseCountsChanged { __typename course { ...counts kind: __typename ... on Course { name: title } } } } fragment counts on Course { total: totalEnrollments }',
  'a variable that leaves a field out':
    'subscription ($with: Boolean = false) { courseCountsChanged { course { id title @include(if: $with) totalEnrollments @skip(if: $with) } } }',
  'the teacher': 'subscription { courseCountsChanged { course { id instructor { id name } } } }',
  'a count that is computed':
    'subscription { courseCountsChanged { course { id enrollmentsCount { count precision } } } }',
  'counts by status': 'subscription { courseCountsChanged { course { id enrollmentsByStatus { status count } } } }',
  "the viewer's enrollment": 'subscription { courseCountsChanged { course { id viewerEnrollment { id status } } } }',
  'the email of the teacher, which few see':
    'subscription { courseCountsChanged { course { id instructor { id email } } } }',
};

describeOnEach('the messages of subscribers who ask the same', kind => {
  let live: LiveApi;

  beforeEach(async () => {
    live = await startLiveApi(kind);
  });
  afterEach(() => live.stop());

  it.each(Object.entries(subscriptions))(
    'every viewer is sent exactly what the viewer would be sent alone: %s',
    async (_name, query) => {
      const { api, clock } = live;
      const { database } = api;
      const [teacher, other] = await addUsers(database, Role.TEACHER, 2);
      const [enrolled, dropped, outsider] = await addUsers(database, Role.STUDENT, 3);
      const [manager] = await addUsers(database, Role.ADMIN, 1);
      const courses = await addCourses(database, [
        { title: 'Open', instructor: teacher! },
        { title: 'Hidden', instructor: teacher!, isPublished: false },
        { title: 'Of nobody' },
      ]);
      await addEnrollments(
        database,
        courses.slice(0, 2).flatMap(course => [
          { course, student: enrolled! },
          { course, student: dropped!, status: 'dropped' as never },
        ]),
      );
      const viewers: (Viewer | null)[] = [
        null,
        null,
        ...[enrolled!, dropped!, outsider!].map(userId => ({ userId, role: Role.STUDENT })),
        ...[teacher!, other!].map(userId => ({ userId, role: Role.TEACHER })),
        { userId: manager!, role: Role.ADMIN },
        { userId: null, role: Role.ADMIN },
      ];
      const clients: { viewer: Viewer | null; client: LiveClient }[] = [];
      for (const protocol of protocols)
        for (const viewer of viewers) {
          const token = viewer && (await api.token(viewer.role, viewer.userId));
          clients.push({ viewer, client: live.subscribe(protocol, { token, query }) });
        }

      const schema = graphqlSchema();
      const document = parse(query);
      const runs = new BackgroundRuns(database, () => undefined);
      const alone = async (viewer: Viewer | null, courseId: number): Promise<unknown> => {
        const [course] = await coursesById(database, viewer, [courseId]);
        if (!course) return null;
        return withoutLocations(
          await execute({
            schema,
            document,
            rootValue: { courseId, course },
            contextValue: contextFor(database, viewer, runs),
          }),
        );
      };
      const expectWhatEachSees = async (changed: readonly number[]): Promise<void> => {
        for (const { viewer, client } of clients) {
          const expected = await Promise.all(changed.map(course => alone(viewer, course)));
          for (const message of expected.filter(one => one !== null))
            expect(withoutLocations(await client.next())).toEqual(message);
        }
      };
      await expectWhatEachSees(courses);
      await bypassCounters(
        database,
        'update core_course set total_enrollments = total_enrollments + 1, active_enrollments = 7',
      );
      await clock.tick();
      await expectWhatEachSees(courses);
      // Nobody is sent a message of an older state: that of the same counts with another title.
      await bypassCounters(
        database,
        `update core_course set title = 'New', total_enrollments = 5 where id = ${courses[0]}`,
      );
      await clock.tick();
      await expectWhatEachSees([courses[0]!]);
    },
  );

  it('a message is executed and serialized once for all WebSockets that ask the same, and executed once for all streams', async () => {
    const { api, clock } = live;
    const courses = await addCourses(api.database, [{}, {}]);
    const query = (ids: string, fields = 'id totalEnrollments'): string =>
      `subscription ${ids === '$ids' ? '($ids: [ID!])' : ''} { courseCountsChanged(courseIds: ${ids}) { courseId course { ${fields} } } }`;
    const executed = vi.spyOn(LiveCountsResolver.prototype, 'courseCountsChanged');
    const serialized = vi.spyOn(JSON, 'stringify');
    onTestFinished(() => void vi.restoreAllMocks());
    const resultsSerialized = (): number =>
      serialized.mock.calls.filter(([value]) => {
        const { data, payload } = (value ?? {}) as { data?: object; payload?: { data?: object } };
        return 'courseCountsChanged' in (data ?? payload?.data ?? {});
      }).length;
    // The same by other names of the courses, and with white space.
    const same = [
      { query: query('null') },
      { query: query('$ids') },
      { query: query('$ids'), courseIds: courses },
      { query: `  ${query(`["${courses[0]}", "${courses[1]}"]`)}` },
    ];
    const admin = await api.token(Role.ADMIN, null);
    const sockets = [null, admin].flatMap(token =>
      Array.from({ length: 5 }, () => same.map(one => live.subscribe('ws', { ...one, token }))).flat(),
    );
    for (const client of sockets) await Promise.all([client.next(), client.next()]);
    expect([executed.mock.calls.length, resultsSerialized()]).toEqual([2, 2]);
    await bypassCounters(api.database, 'update core_course set total_enrollments = 9');
    await clock.tick();
    for (const client of sockets) await Promise.all([client.next(), client.next()]);
    expect([executed.mock.calls.length, resultsSerialized()]).toEqual([4, 4]);
    const streams = same.map(one => live.subscribe('sse', one));
    for (const client of streams) await Promise.all([client.next(), client.next()]);
    expect(executed.mock.calls.length).toBe(4);
    // Who asks for other fields, or for more than the row, is served alone.
    const other = live.subscribe('ws', { query: query('null', 'id') });
    const more = live.subscribe('ws', { query: query('null', 'id totalEnrollments instructor { id }') });
    for (const client of [other, more]) await Promise.all([client.next(), client.next()]);
    expect(executed.mock.calls.length).toBe(8);
  });

  it('a shared message has the id that its client has given, and the form of every other message', async () => {
    const [course] = await addCourses(live.api.database, [{ title: 'She said "0"' }]);
    const socket = await beginSocket(live.api.url);
    const ids = ['a "quoted" id', '2'];
    for (const id of ids)
      socket.send({
        id,
        type: 'subscribe',
        payload: { query: 'subscription { courseCountsChanged { courseId course { title totalEnrollments } } }' },
      });
    const payload = {
      data: {
        courseCountsChanged: { courseId: String(course), course: { title: 'She said "0"', totalEnrollments: 0 } },
      },
    };
    // Either subscription may begin first.
    const received = [await socket.next(), await socket.next()];
    expect(received).toEqual(expect.arrayContaining(ids.map(id => ({ id, type: 'next', payload }))));
    socket.socket.close();
  });

  it('the messages that wait for a WebSocket are sent together, up to 4 KiB and one message', async () => {
    const courses = await addCourses(
      live.api.database,
      Array.from({ length: 100 }, () => ({})),
    );
    const sendTogether = vi.spyOn(SocketConnection.prototype, 'sendTogether');
    onTestFinished(() => void vi.restoreAllMocks());
    const client = live.subscribe('ws');
    for (const course of courses) expect(await client.counts()).toEqual([course, 0, 0]);
    const sent = sendTogether.mock.calls.map(([messages]) => messages);
    expect(sent.flat()).toHaveLength(100);
    expect(sent.length).toBeLessThan(10);
    for (const messages of sent) {
      const results = messages.map(text => JSON.stringify((JSON.parse(text) as { payload: unknown }).payload));
      expect(results.slice(0, -1).join('').length).toBeLessThan(4096);
    }
  });

  it('one subscriber who leaves stops no message of the others', async () => {
    const { api, clock } = live;
    const [course] = await addCourses(api.database, [{}]);
    const clients = Array.from({ length: 6 }, (_, index) => live.subscribe(protocols[index % 2]!));
    for (const client of clients) expect(await client.counts()).toEqual([course, 0, 0]);
    for (let total = 1; clients.length > 1; total += 1) {
      clients.shift()!.close();
      await bypassCounters(api.database, `update core_course set total_enrollments = ${total}`);
      await clock.tick();
      for (const client of clients) expect(await client.counts()).toEqual([course, total, 0]);
    }
  });
});

/** Returns a result as JSON, with the paths and messages of its errors only. */
function withoutLocations(result: unknown): unknown {
  const { data, errors } = JSON.parse(JSON.stringify(result)) as CountsMessage;
  return { data, ...(errors && { errors: errors.map(({ path, message }) => ({ path, message })) }) };
}
