import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { issueToken } from '../../../src/access/tokens.js';
import { readConfig } from '../../../src/config/config.js';
import { addCourse, addEnrollment, addUser } from '../../support/api.js';
import { waitUntil } from '../../support/wait.js';
import { protocols, subscribeBy } from '../../support/live-clients.js';
import { scrape } from '../../support/metrics.js';
import { startLiveApi, type LiveApi } from './live-api.js';

describe.each(protocols)('a subscription by %s', protocol => {
  let live: LiveApi;

  beforeEach(async () => {
    live = await startLiveApi('sqlite');
  });
  afterEach(() => live.stop());

  it('a subscription returns all fields of a course', async () => {
    const course = await addCourse(live.api.database, {
      title: 'Live',
      instructor: await addUser(live.api.database, Role.TEACHER, 'Tess'),
    });
    const client = live.subscribe(protocol, {
      query:
        'subscription { courseCountsChanged { course { id title instructor { name } enrollmentsCount { count } } } }',
    });
    const at = async (): Promise<unknown> => (await client.next()).data!.courseCountsChanged.course;
    expect(await at()).toEqual({
      id: String(course),
      title: 'Live',
      instructor: { name: 'Tess' },
      enrollmentsCount: { count: 0 },
    });
    await addEnrollment(live.api.database, course, await addUser(live.api.database, Role.STUDENT));
    await live.clock.tick();
    expect(await at()).toMatchObject({ enrollmentsCount: { count: 1 } });
  });

  it('a subscription ends when its token expires, with an error that says so', async () => {
    const { jwt } = readConfig({ NODE_ENV: 'test' });
    const course = await addCourse(live.api.database);
    const client = live.subscribe(protocol, {
      token: await issueToken(jwt, { role: Role.ADMIN, userId: null, expiresIn: '30d' }),
    });
    expect(await client.counts()).toEqual([course, 0, 0]);
    live.clock.pass(29 * 86_400_000);
    await live.clock.tick();
    // Beyond the tolerance of clocks.
    live.clock.pass(86_431_000);
    live.clock.goOn();
    if (protocol === 'ws')
      expect(await client.ended()).toMatchObject({ code: 4403, reason: 'The token has expired. Get a new one.' });
    else {
      expect(await client.next()).toMatchObject({
        errors: [{ message: 'The token has expired. Get a new one.', extensions: { code: 'UNAUTHENTICATED' } }],
      });
      expect(await client.ended()).toBeNull();
    }
  });

  it('a subscription goes on at another server when its own stops, starting with the present state, and delays neither', async () => {
    const { api, clock } = live;
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
    expect(clock.isAwaited).toBe(false);
  });

  it('a subscription does not keep a server from stopping after its client has gone, and is counted until then', async () => {
    const { api } = live;
    const course = await addCourse(api.database);
    const { server } = await live.another();
    const count = async (): Promise<unknown> =>
      (await scrape(server.metricsUrl)).get(`rollcall_live_subscriptions{protocol="${protocol}"}`);
    expect(await count()).toBe(0);
    const client = subscribeBy(protocol, server.url, { courseIds: [course] });
    expect([await client.counts(), await count()]).toEqual([[course, 0, 0], 1]);
    client.close();
    await waitUntil(async () => (await count()) === 0, 'The subscription of a client that has gone is still there.');
    expect(await server.close()).toBe(0);
  });
});
