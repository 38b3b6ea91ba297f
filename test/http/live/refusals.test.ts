import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from 'graphql-ws';
import { Role } from '../../../src/entities/index.js';
import { LiveCounts, quotaLimits } from '../../../src/live-counts/index.js';
import { addCourse, addUser, startApi } from '../../support/api.js';
import { protocols, subscribeBy } from '../../support/live-clients.js';
import { subscriberAt } from '../../support/subscribers.js';
import { addCourses } from '../../support/rows.js';
import { steppedClock } from '../../support/stepped-clock.js';
import { startLiveApi, type LiveApi } from './live-api.js';

describe.each(protocols)('a subscription by %s', protocol => {
  let live: LiveApi;

  beforeEach(async () => {
    live = await startLiveApi('sqlite');
  });
  afterEach(() => live.stop());

  /** Returns the code, the argument and the message of the one error of a rejected subscription. */
  async function refusal(options: Parameters<LiveApi['subscribe']>[1]): Promise<(string | undefined)[]> {
    const client = live.subscribe(protocol, options);
    const { data, errors } = await client
      .next()
      .catch((thrown: unknown) => ({ data: undefined, errors: thrown as never }));
    expect([data ?? null, errors?.length]).toEqual([null, 1]);
    return [errors![0]!.extensions.code, errors![0]!.extensions.argument, errors![0]!.message];
  }

  it('a subscription to missing or hidden courses, bad ids, none or too many is rejected', async () => {
    const { database } = live.api;
    const [open, hidden] = [await addCourse(database), await addCourse(database, { isPublished: false })];
    expect(await refusal({ courseIds: [open, 99] })).toEqual([
      'NOT_FOUND',
      'courseIds.1',
      'Course 99 does not exist, or you may not see it. Leave it out.',
    ]);
    const student = await live.api.token(Role.STUDENT, await addUser(database, Role.STUDENT));
    for (const token of [null, student])
      expect(await refusal({ token, courseIds: [hidden] })).toEqual([
        'NOT_FOUND',
        'courseIds.0',
        `Course ${hidden} does not exist, or you may not see it. Leave it out.`,
      ]);
    expect(await refusal({ courseIds: [open, 'x'] })).toEqual([
      'BAD_USER_INPUT',
      'courseIds.1',
      'courseIds.1: "x" is not an id; ids are whole numbers from 1 to 9007199254740991.',
    ]);
    expect(await refusal({ courseIds: [] })).toEqual([
      'BAD_USER_INPUT',
      'courseIds',
      'courseIds: the list names no course; leave it out to subscribe to all courses.',
    ]);
    expect(await refusal({ courseIds: Array.from({ length: 1001 }, (_, index) => index + 1) })).toEqual([
      'BAD_USER_INPUT',
      'courseIds',
      'courseIds: the list has 1001 ids, and one subscription may have 1000; open several.',
    ]);
    await addCourses(
      database,
      Array.from({ length: 1000 }, (_, index) => ({ title: `More ${index}` })),
    );
    expect(await refusal({})).toEqual([
      'BAD_USER_INPUT',
      'courseIds',
      'courseIds: there are more courses than one subscription may have, 1000; name those that you show.',
    ]);
    expect(live.clock.isAwaited).toBe(false);
  });

  it('a request that is not a subscription is rejected with the codes that /graphql gives', async () => {
    expect(await refusal({ query: '{ courses { totalCount } }' })).toEqual([
      'BAD_REQUEST',
      undefined,
      'Only subscriptions are served here; send a query to /graphql by POST.',
    ]);
    expect((await refusal({ query: '{ courses' }))[0]).toBe('GRAPHQL_PARSE_FAILED');
    expect((await refusal({ query: 'subscription { nothing }' }))[0]).toBe('GRAPHQL_VALIDATION_FAILED');
    const query =
      'subscription A { courseCountsChanged { courseId } } subscription B { courseCountsChanged { courseId } }';
    expect((await refusal({ query }))[0]).toBe('OPERATION_RESOLUTION_FAILURE');
  });

  it('a subscription with a bad token is rejected', async () => {
    const end = await live.subscribe(protocol, { token: 'no-token' }).ended();
    if (protocol === 'ws')
      expect(end).toMatchObject({ code: 4403, reason: 'The token is not a well-formed JSON Web Token.' });
    else expect(end).toMatchObject({ response: { status: 401 } });
  });
});

describe('a subscription', () => {
  let live: LiveApi;

  beforeEach(async () => {
    live = await startLiveApi('sqlite');
    await addCourse(live.api.database);
  });
  afterEach(() => live.stop());

  it('a subscription reveals no names of a hidden schema, by either protocol', async () => {
    const api = await startApi('sqlite', {
      env: { NODE_ENV: 'production', JWT_SECRET: 'a secret that nobody knows, of 32 bytes and more' },
    });
    for (const protocol of protocols) {
      const client = subscribeBy(protocol, api.url, { query: 'subscription { courseCountChanged { courseId } }' });
      const errors = await client.next().then(
        message => message.errors,
        (thrown: unknown) => thrown,
      );
      expect(errors).toMatchObject([
        {
          message: 'Cannot query field "courseCountChanged" on type "Subscription".',
          extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
        },
      ]);
      client.close();
    }
    await api.stop();
  });

  it('a subscription at /graphql by POST is answered with where to send it', async () => {
    const { errors } = await live.api.send(null, 'subscription { courseCountsChanged { courseId } }');
    expect(errors).toMatchObject([
      { extensions: { code: 'BAD_REQUEST' }, message: expect.stringContaining('/graphql/stream') as string },
    ]);
  });

  it('a WebSocket has at most 50 subscriptions, and one that ends makes room', async () => {
    const client = createClient({ url: live.api.url.replace('http', 'ws'), retryAttempts: 0 });
    const request = { query: 'subscription { courseCountsChanged { courseId } }' };
    const open = Array.from({ length: 50 }, () => client.iterate(request));
    await Promise.all(open.map(one => one.next()));
    const message =
      'This connection would have 51 subscriptions, and 50 are allowed. End one, or name more courses in one.';
    expect(await client.iterate(request).next()).toMatchObject({
      value: { errors: [{ message, extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }] },
    });
    await open[0]!.return!();
    expect(await client.iterate(request).next()).toMatchObject({ done: false });
    await client.dispose();
  });

  it('a server has at most 5000 subscriptions, even if all come at once, and one that ends makes room', async () => {
    const counts = new LiveCounts(
      live.api.database,
      error => expect(error).toBeNull(),
      steppedClock(),
      quotaLimits(5000),
    );
    let client = 0;
    // Viewers of 50 subscriptions each, at addresses of 10 viewers.
    const subscribe = () =>
      counts.subscribe(
        {
          ...subscriberAt(`address ${Math.floor(client / 500)}`),
          viewer: { userId: 1 + Math.floor(client++ / 50), role: Role.STUDENT },
        },
        [1],
      );
    const settled = await Promise.allSettled(Array.from({ length: 5002 }, subscribe));
    const refused = settled.flatMap(one => (one.status === 'rejected' ? [one.reason as unknown] : []));
    expect(refused).toMatchObject(
      Array.from({ length: 2 }, () => ({
        code: 'TOO_MANY_SUBSCRIPTIONS',
        message:
          'This server would have 5001 subscriptions, and 5000 are allowed. End one, or name more courses in one.',
      })),
    );
    expect(counts.count('sse')).toBe(5000);
    await settled.find(one => one.status === 'fulfilled')!.value.return();
    await subscribe();
    expect(counts.count('sse')).toBe(5000);
    counts.end();
    expect(counts.count('sse')).toBe(0);
  });
});
