import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { issueToken } from '../../../src/services/tokens.js';
import { readConfig } from '../../../src/config.js';
import { addCourse, addEnrollment, addUser } from '../../support/api.js';
import { protocols, subscribeBy } from '../../support/live-clients.js';
import { scrape } from '../../support/metrics.js';
import { addCourses } from '../../support/rows.js';
import { startLiveApi, type LiveApi } from './live-api.js';

describe.each(protocols)('a subscription by %s', protocol => {
  let live: LiveApi;

  beforeEach(async () => {
    live = await startLiveApi('sqlite');
  });
  afterEach(() => live.stop());

  /** Gives the code, the argument and the message of the one error of a subscription that cannot be had. */
  async function refusal(options: Parameters<LiveApi['subscribe']>[1]): Promise<(string | undefined)[]> {
    const client = live.subscribe(protocol, options);
    const { data, errors } = await client.next().catch((thrown: unknown) => ({ data: undefined, errors: thrown as never }) as Awaited<ReturnType<typeof client.next>>);
    expect([data ?? null, errors!.length]).toEqual([null, 1]);
    return [errors![0]!.extensions.code, errors![0]!.extensions.argument, errors![0]!.message];
  }

  it('is refused for courses that are not there or not to be seen, bad ids, none and too many', async () => {
    const { database } = live.api;
    const [open, hidden] = [await addCourse(database), await addCourse(database, { isPublished: false })];
    expect(await refusal({ courseIds: [open, 99] })).toEqual(['NOT_FOUND', 'courseIds.1', 'Course 99 does not exist, or you may not see it. Leave it out.']);
    expect(await refusal({ courseIds: [hidden] })).toEqual(['NOT_FOUND', 'courseIds.0', `Course ${hidden} does not exist, or you may not see it. Leave it out.`]);
    expect(await refusal({ courseIds: [open, 'x'] })).toEqual(['BAD_USER_INPUT', 'courseIds.1', 'courseIds.1: "x" is not an id; ids are whole numbers from 1 to 9007199254740991.']);
    expect(await refusal({ courseIds: [] })).toEqual(['BAD_USER_INPUT', 'courseIds', 'courseIds: the list names no course; leave it out for all.']);
    expect(await refusal({ courseIds: Array.from({ length: 1001 }, (_, index) => index + 1) })).toEqual(['BAD_USER_INPUT', 'courseIds', 'courseIds: the list has 1001 ids, and one subscription takes 1000; open several.']);
    await addCourses(database, Array.from({ length: 1000 }, (_, index) => ({ title: `More ${index}` })));
    expect(await refusal({})).toEqual(['BAD_USER_INPUT', 'courseIds', 'courseIds: there are more courses than one subscription takes, 1000; name those that you show.']);
    expect(live.pace.isAwaited).toBe(false);
  });

  it('is refused where it is none, with the codes that /graphql gives', async () => {
    expect(await refusal({ query: '{ courses { totalCount } }' })).toEqual(['BAD_REQUEST', undefined, 'Only subscriptions are served here; send a query to /graphql by POST.']);
    expect((await refusal({ query: '{ courses' }))[0]).toBe('GRAPHQL_PARSE_FAILED');
    expect((await refusal({ query: 'subscription { nothing }' }))[0]).toBe('GRAPHQL_VALIDATION_FAILED');
    const [query] = ['subscription A { courseCountsChanged { courseId } } subscription B { courseCountsChanged { courseId } }'];
    expect((await refusal({ query }))[0]).toBe('OPERATION_RESOLUTION_FAILURE');
  });

  it('gives all that a course has', async () => {
    const course = await addCourse(live.api.database, { title: 'Live', instructor: await addUser(live.api.database, Role.TEACHER, 'Tess') });
    const client = live.subscribe(protocol, { query: 'subscription { courseCountsChanged { course { id title instructor { name } enrollmentsCount { count } } } }' });
    const at = async (): Promise<unknown> => (await client.next()).data!.courseCountsChanged.course;
    expect(await at()).toEqual({ id: String(course), title: 'Live', instructor: { name: 'Tess' }, enrollmentsCount: { count: 0 } });
    await addEnrollment(live.api.database, course, await addUser(live.api.database, Role.STUDENT));
    await live.pace.tick();
    expect(await at()).toMatchObject({ enrollmentsCount: { count: 1 } });
  });

  it('is refused with a bad token', async () => {
    const end = await live.subscribe(protocol, { token: 'no-token' }).ended();
    if (protocol === 'ws') expect(end).toMatchObject({ code: 4403, reason: 'The token is no well-formed JSON Web Token.' });
    else expect(end).toMatchObject({ response: { status: 401 } });
  });

  it('ends when its token expires, with an error that says so', async () => {
    const { jwt } = readConfig({ NODE_ENV: 'test' });
    const course = await addCourse(live.api.database);
    const client = live.subscribe(protocol, { token: await issueToken(jwt, { role: Role.ADMIN, userId: null, expiresIn: '30d' }) });
    expect(await client.counts()).toEqual([course, 0, 0]);
    live.pace.pass(29 * 86_400_000);
    await live.pace.tick();
    live.pace.pass(86_400_000);
    live.pace.goOn();
    if (protocol === 'ws') expect(await client.ended()).toMatchObject({ code: 4403, reason: 'The token has expired. Get a new one.' });
    else {
      expect(await client.next()).toMatchObject({ errors: [{ message: 'The token has expired. Get a new one.', extensions: { code: 'UNAUTHENTICATED' } }] });
      expect(await client.ended()).toBeNull();
    }
  });

  it('goes on at another server when its own stops, with the state there first, and holds up neither', async () => {
    const { api, pace } = live;
    const course = await addCourse(api.database);
    const { server } = await live.another();
    const { server: next } = await live.another();
    let url = server.url;
    const client = subscribeBy(protocol, server.url, { courseIds: [course], retries: 3, url: () => url });
    expect(await client.counts()).toEqual([course, 0, 0]);
    await addEnrollment(api.database, course, await addUser(api.database, Role.STUDENT));
    url = next.url;
    expect(await server.close()).toBe(0);
    expect([await client.counts(), client.connections]).toEqual([[course, 1, 1], 2]);
    client.close();
    expect(pace.isAwaited).toBe(false);
  });

  it('does not keep a server from stopping after its client has gone, and is counted until then', async () => {
    const { api } = live;
    const course = await addCourse(api.database);
    const { server, database } = await live.another();
    const count = async (): Promise<unknown> => (await scrape(server.metricsUrl)).get(`rollcall_live_subscriptions{protocol="${protocol}"}`);
    expect(await count()).toBe(0);
    const client = subscribeBy(protocol, server.url, { courseIds: [course] });
    expect([await client.counts(), await count()]).toEqual([[course, 0, 0], 1]);
    client.close();
    while ((await count()) !== 0);
    expect(await server.close()).toBe(0);
    expect(database).toBeDefined();
  });
});

describe('a subscription', () => {
  it('at /graphql by POST is answered with where to send it', async () => {
    const live = await startLiveApi('sqlite');
    const { errors } = await live.api.send(null, 'subscription { courseCountsChanged { courseId } }');
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST' }, message: expect.stringContaining('/graphql/stream') as string }]);
    await live.stop();
  });

  it('is one of at most 50 on a WebSocket', async () => {
    const live = await startLiveApi('sqlite');
    await addCourse(live.api.database);
    const { createClient } = await import('graphql-ws');
    const client = createClient({ url: live.api.url.replace('http', 'ws'), retryAttempts: 0 });
    const request = { query: 'subscription { courseCountsChanged { courseId } }' };
    const open = Array.from({ length: 50 }, () => client.iterate(request));
    await Promise.all(open.map(one => one.next()));
    await expect(client.iterate(request).next()).rejects.toMatchObject([{ extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }]);
    await client.dispose();
    await live.stop();
  });
});
