import { once } from 'node:events';
import { get, request, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { Role } from '../../src/entities/index.js';
import { addCourse, addUser, startApi, type Api, type ApiOptions } from '../support/api.js';
import { keptLog } from '../support/log-lines.js';
import { scrape } from '../support/metrics.js';

/** What the limits are in these tests; a request without an operation that costs anything takes a little more than 100 points. */
const POINTS = 1000;
const limits = { RATE_LIMIT: `${POINTS}/3600`, RATE_LIMIT_SIGNED_IN: `${POINTS}/3600`, TRUST_PROXY: '1' };
const JSON_BODY = { 'content-type': 'application/json' };
const smallest = JSON.stringify({ query: '{ __typename }' });

let addresses = 0;
/** Gives an address that nothing was asked from before. */
const newAddress = (): string => `2001:db8:0:${(addresses += 1).toString(16)}::1`;

interface Options {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends a request from an address: the smallest query by POST, unless other is said. */
async function ask({ url }: Api, address: string, { path = '/graphql', method = 'POST', headers = JSON_BODY, body = method === 'POST' ? smallest : undefined }: Options = {}): Promise<Response> {
  return fetch(new URL(path, url), { method, headers: { ...headers, 'x-forwarded-for': address }, ...(body !== undefined && { body }) });
}

/** Gives what an answer says is left. */
const left = (answer: Response): number => Number(/;r=(\d+);t=\d+$/.exec(answer.headers.get('ratelimit') ?? '')?.[1]);

/** Gives what a request costs. */
async function costOf(api: Api, options: Options = {}): Promise<number> {
  return POINTS - left(await ask(api, newAddress(), options));
}

/** Uses up the points of an address. */
async function exhaust(api: Api, address: string): Promise<void> {
  for (let status = 0; status !== 429; ) ({ status } = await ask(api, address));
}

async function codesOf(answer: Response): Promise<string[]> {
  const { errors = [] } = (await answer.json()) as { errors?: { extensions: { code: string } }[] };
  return errors.map(({ extensions }) => extensions.code);
}

async function start(options: ApiOptions = {}): Promise<Api> {
  const api = await startApi('sqlite', { ...options, env: { ...limits, ...options.env } });
  onTestFinished(() => api.stop());
  return api;
}

describe('the limit of what an address may ask for', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite', { env: { ...limits, EXPLORER: 'on' } });
    await addCourse(api.database);
  });
  afterAll(() => api.stop());

  it('is told in the headers of each answer, with what is left of it', async () => {
    const address = newAddress();
    const first = await ask(api, address);
    expect(first.headers.get('ratelimit-policy')).toBe(`"address";q=${POINTS};w=3600;qu="points"`);
    expect(first.headers.get('ratelimit')).toMatch(/^"address";r=\d{3};t=3600$/);
    const second = await ask(api, address);
    expect(left(first) - left(second)).toBe(POINTS - left(first));
  });

  it('refuses with RATE_LIMITED and 429 when it is used up, and says when to try again', async () => {
    const address = newAddress();
    await exhaust(api, address);
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const refused = await ask(api, address, { headers: { ...JSON_BODY, accept } });
      expect([refused.status, refused.headers.get('content-type'), refused.headers.get('cache-control'), left(refused)]).toEqual([429, `${accept}; charset=utf-8`, 'no-store', 0]);
      const seconds = refused.headers.get('retry-after')!;
      expect(Number(seconds)).toBeGreaterThan(3500);
      expect(await refused.json()).toEqual({ errors: [{ message: `Your address has used up the ${POINTS} points for 3600 s. Try again in ${seconds} s; ask for less at once, or sign in.`, extensions: { code: 'RATE_LIMITED' } }] });
    }
    expect((await ask(api, newAddress())).status).toBe(200);
  });

  it.each<[string, Options]>([
    ['POST /graphql', {}],
    ['GET /graphql', { method: 'GET', path: '/graphql?query={__typename}', headers: { 'apollo-require-preflight': '1' } }],
    ['a body that is no JSON', { body: '{' }],
    ['an operation that is not GraphQL', { body: '{"query":"{"}' }],
    ['a body of another type', { headers: { 'content-type': 'text/plain' } }],
    ['a token that proves nothing', { headers: { ...JSON_BODY, authorization: 'Bearer x.y.z' } }],
    ['a header that holds no token', { headers: { ...JSON_BODY, authorization: 'Basic eA==' } }],
    ['a token with a body that is no JSON', { headers: { ...JSON_BODY, authorization: 'Bearer x.y.z' }, body: '{' }],
    ['a compressed body', { headers: { ...JSON_BODY, 'content-encoding': 'gzip' } }],
    ['a token with a compressed body', { headers: { ...JSON_BODY, 'content-encoding': 'gzip', authorization: 'Bearer x.y.z' } }],
    ['POST /graphql/stream', { path: '/graphql/stream', headers: { ...JSON_BODY, accept: 'text/event-stream' } }],
    ['GET /graphql/stream', { method: 'GET', path: '/graphql/stream?query={__typename}', headers: { accept: 'text/event-stream' } }],
    ['a page', { method: 'GET', path: '/explorer', headers: {} }],
    ['a path at which there is nothing', { method: 'GET', path: '/nothing', headers: {} }],
    ['a method that the path does not take', { method: 'PUT' }],
  ])('holds for %s', async (_name, options) => {
    const address = newAddress();
    const granted = await ask(api, address, options);
    await granted.body?.cancel();
    expect(granted.status).not.toBe(429);
    expect(left(granted)).toBeLessThanOrEqual(POINTS - 100);
    await exhaust(api, address);
    const refused = await ask(api, address, options);
    expect([refused.status, await codesOf(refused)]).toEqual([429, ['RATE_LIMITED']]);
  });

  it('does not hold for what is polled', async () => {
    const address = newAddress();
    await exhaust(api, address);
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      const { status, headers } = await ask(api, address, { method: 'GET', path, headers: {} });
      expect([path, status, headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([path, 200, null, null]);
    }
  });

  it('does not keep a page from learning by a preflight what it may send', async () => {
    const address = newAddress();
    await exhaust(api, address);
    const origin = 'http://localhost:5173';
    const preflight = await ask(api, address, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
    expect(preflight.status).toBe(204);
    const refused = await ask(api, address, { headers: { ...JSON_BODY, origin } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([429, origin]);
  });

  it('charges the cost of the operation, and by the length of what is sent', async () => {
    const courses = await costOf(api, { body: JSON.stringify({ query: '{ courses(first: 10) { nodes { id title } } }' }) });
    expect(courses).toBeGreaterThan((await costOf(api)) + 20);
    const spaces = ' '.repeat(10_240);
    expect(await costOf(api, { body: `${smallest}${spaces}` })).toBe((await costOf(api)) + 30);
    expect(await costOf(api, { method: 'GET', path: `/nothing?${'x'.repeat(10_240)}`, headers: {} })).toBe((await costOf(api, { method: 'GET', path: '/nothing', headers: {} })) + 30);
  });

  it('charges a query with mistakes by its length, beyond what is left too', async () => {
    const query = `{ nothing ${' '.repeat(5000)} }`;
    const deep = `{ courses { nodes { enrollments { nodes { course { enrollments { nodes { course { enrollments { nodes { course { enrollments { nodes { id } } } } } } } } } } } } } ${' '.repeat(5000)} }`;
    expect(await costOf(api, { body: JSON.stringify({ query }) })).toBeGreaterThan(100 + (120 * 5000) / 1024);
    expect(await costOf(api, { body: JSON.stringify({ query: deep }) })).toBeGreaterThan(100 + (120 * 5000) / 1024);
  });

  it('charges a body whose length is not told as the largest', async () => {
    const body = new Blob([smallest]).stream();
    const answer = await fetch(api.url, { method: 'POST', headers: { ...JSON_BODY, 'x-forwarded-for': newAddress() }, body, duplex: 'half' } as RequestInit);
    expect([answer.status, left(answer)]).toEqual([429, 0]);
  });

  it('charges an answer of 304 as one of 200, and is no part of its ETag', async () => {
    const address = newAddress();
    const options: Options = { method: 'GET', path: '/graphql?query={courses{totalCount}}', headers: { 'apollo-require-preflight': '1' } };
    const first = await ask(api, address, options);
    const second = await ask(api, address, options);
    const third = await ask(api, address, { ...options, headers: { ...options.headers, 'if-none-match': first.headers.get('etag')! } });
    expect([first.status, second.status, third.status]).toEqual([200, 200, 304]);
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(left(second) - left(third)).toBe(left(first) - left(second));
    expect(left(first) - left(second)).toBeGreaterThan(100);
  });

  it('is told with the cost of a request that asks for it, which no cache keeps', async () => {
    const options: Options = { method: 'GET', path: '/graphql?query={courses{totalCount}}', headers: { 'apollo-require-preflight': '1' } };
    const plain = await ask(api, newAddress(), options);
    expect(((await plain.json()) as { extensions?: object }).extensions).toBeUndefined();
    expect(plain.headers.get('cache-control')).toBe('public, max-age=10');
    const told = await ask(api, newAddress(), { ...options, headers: { ...options.headers, 'graphql-cost-debug': '1' } });
    const { extensions } = (await told.json()) as { extensions: { cost: { requested: number; actual: number; left: number } } };
    const used = POINTS - left(told);
    expect(extensions).toEqual({ cost: { requested: used, actual: used, left: left(told) } });
    expect([told.headers.get('cache-control'), told.headers.get('etag')]).toEqual(['no-store', null]);
    const other = await ask(api, newAddress(), { ...options, headers: { ...options.headers, 'graphql-cost-debug': '0' } });
    expect(((await other.json()) as { extensions?: object }).extensions).toBeUndefined();
  });

  it('does not run an operation whose cost is refused, and says what it would have cost', async () => {
    const address = newAddress();
    const query = '{ courses(first: 100) { nodes { id title totalEnrollments activeEnrollments } } }';
    const costly: Options = { headers: { ...JSON_BODY, 'graphql-cost-debug': '1' }, body: JSON.stringify({ query }) };
    while (left(await ask(api, address)) > 100);
    // It has points for a request, and uses them up by this one, so none for the operation.
    const statements = await api.statements(async () => {
      const refused = await ask(api, address, costly);
      const { errors, extensions } = (await refused.json()) as { errors: { extensions: { code: string } }[]; extensions: { cost: { requested: number; actual: number; left: number } } };
      expect([refused.status, errors.map(error => error.extensions.code), Number(refused.headers.get('retry-after')) > 3500]).toEqual([429, ['RATE_LIMITED'], true]);
      expect(extensions.cost.requested).toBeGreaterThan(extensions.cost.actual + 400);
      expect([extensions.cost.actual, extensions.cost.left]).toEqual([101, 0]);
    });
    expect(statements).toEqual([]);
  });

  it('is charged for each message that subscribes, by its cost, and for one with mistakes too', async () => {
    const address = newAddress();
    const socket = new WebSocket(api.url.replace('http', 'ws'), 'graphql-transport-ws', { headers: { 'x-forwarded-for': address } });
    const says = async (): Promise<string> => String(((await once(socket, 'message')) as [Buffer])[0]);
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    await says();
    const costOfSubscribing = async (id: string, query: string): Promise<number> => {
      const before = left(await ask(api, address, { method: 'GET', path: '/nothing', headers: {} }));
      socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query } }));
      await says();
      return before - left(await ask(api, address, { method: 'GET', path: '/nothing', headers: {} })) - 101;
    };
    const small = await costOfSubscribing('1', 'subscription { courseCountsChanged(courseIds: ["1"]) { courseId } }');
    expect(small).toBeGreaterThan(100);
    expect(await costOfSubscribing('2', 'subscription { nothing }')).toBe(100 + Math.ceil((120 * 'subscription { nothing }'.length) / 1024));
    socket.terminate();
  });

  it('is told those who ask for a WebSocket, whether they get it or not, and charges both', async () => {
    const upgrade = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-protocol': 'graphql-transport-ws' };
    for (const [event, headers] of [['upgrade', {}], ['response', { origin: 'https://stranger.example' }], ['response', { 'sec-websocket-version': '1' }]] as const) {
      const asking = get(api.url, { headers: { ...upgrade, ...headers, 'x-forwarded-for': newAddress() } });
      const [answer, socket] = (await once(asking, event)) as [IncomingMessage, Socket | undefined];
      answer.resume();
      socket?.destroy();
      expect([answer.headers['ratelimit'], answer.headers['ratelimit-policy']]).toEqual([`"address";r=${POINTS - 100};t=3600`, `"address";q=${POINTS};w=3600;qu="points"`]);
    }
  });

  it('is charged for a preflight too, which is answered late rather than refused when nothing is left', async () => {
    let held = 0;
    const own = await start({
      holdRefusal: () => {
        held += 1;
        return Promise.resolve();
      },
    });
    const address = newAddress();
    const preflight: Options = { method: 'OPTIONS', headers: { origin: 'http://localhost:5173', 'access-control-request-method': 'POST' } };
    expect(left(await ask(own, address, preflight))).toBe(POINTS - 100);
    while (left(await ask(own, address, preflight)) > 0);
    expect(held).toBe(0);
    const { status, headers } = await ask(own, address, preflight);
    expect([status, headers.get('access-control-allow-origin'), held]).toEqual([204, 'http://localhost:5173', 1]);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['without a token', {}],
    ['with one that proves nothing', { authorization: 'Bearer x.y.z' }],
  ])('refuses a request %s before its body is read', async (_name, token) => {
    const address = newAddress();
    await exhaust(api, address);
    // Its body never comes to an end, so that only what does not wait for it is answered.
    const asking = request(api.url, { method: 'POST', headers: { ...JSON_BODY, ...token, 'content-length': '1000000', 'x-forwarded-for': address } });
    asking.on('error', () => undefined).write('{');
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(429);
    asking.destroy();
  });

  it('counts the requests that were refused', async () => {
    const name = 'rollcall_rate_limited_total{limit="address"}';
    const before = (await scrape(api.metricsUrl)).get(name) ?? 0;
    const address = newAddress();
    await exhaust(api, address);
    await ask(api, address);
    expect((await scrape(api.metricsUrl)).get(name)).toBe(before + 2);
  });

  it('refuses subscriptions in the way of their protocols', async () => {
    const query = 'subscription { courseCountsChanged { courseId } }';
    const used = newAddress();
    while (left(await ask(api, used)) > 100);
    const stream = await ask(api, used, { path: '/graphql/stream', headers: { ...JSON_BODY, accept: 'text/event-stream' }, body: JSON.stringify({ query }) });
    const [, event] = /^data: (.*)$/m.exec(await stream.text()) ?? [];
    expect([stream.status, JSON.parse(event!).errors[0].extensions]).toEqual([200, { code: 'RATE_LIMITED', retryAfter: expect.any(Number) }]);
    const address = newAddress();
    const FromAddress = class extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol, { headers: { 'x-forwarded-for': address } });
      }
    };
    const connect = () => createClient({ url: api.url.replace('http', 'ws'), retryAttempts: 0, webSocketImpl: FromAddress });
    const client = connect();
    // Its cost is more than all points, so it leaves none.
    expect((await client.iterate({ query }).next()).value).toMatchObject({ data: {} });
    for (let again = 0; again < 2; again += 1) {
      const [error] = (await client.iterate({ query }).next().catch((errors: unknown) => errors)) as { message: string; extensions: { code: string; retryAfter: number } }[];
      expect(error!.extensions).toEqual({ code: 'RATE_LIMITED', retryAfter: Number(/Try again in (\d+) s/.exec(error!.message)![1]) });
    }
    await expect(connect().iterate({ query }).next()).rejects.toMatchObject({ code: 1013, reason: expect.stringContaining('Your address has used up') });
    await client.dispose();
  });
});

describe('the limit of what a viewer may ask for', () => {
  it('is of each viewer, from whatever address, and leaves that of the address alone', async () => {
    const api = await start();
    const address = newAddress();
    const as = async (userId: number | null, role = Role.STUDENT): Promise<Options> => ({ headers: { ...JSON_BODY, authorization: `Bearer ${await api.token(role, userId)}` } });
    const [oneId, otherId] = [await addUser(api.database, Role.STUDENT), await addUser(api.database, Role.STUDENT)];
    const [one, other, admin, anotherAdmin] = [await as(oneId), await as(otherId), await as(null, Role.ADMIN), await as(null, Role.ADMIN)];
    for (const viewer of [one, admin]) {
      let answer: Response;
      do {
        answer = await ask(api, newAddress(), viewer);
        expect(answer.headers.get('ratelimit-policy')).toBe(`"viewer";q=${POINTS};w=3600;qu="points"`);
      } while (answer.status === 200);
      expect((await ask(api, newAddress(), viewer)).status).toBe(429);
    }
    expect((await ask(api, newAddress(), anotherAdmin)).status).toBe(429);
    await exhaust(api, address);
    expect((await ask(api, address, other)).status).toBe(200);
    expect((await ask(api, newAddress(), await as(oneId))).status).toBe(429);
  });

  it('is for a verified viewer only: a forged token is charged to the address', async () => {
    const api = await start();
    const student = await addUser(api.database, Role.STUDENT);
    const stranger = await start({ env: { JWT_SECRET: 'a secret of a stranger, which this server does not know' } });
    const forged: Options = { headers: { ...JSON_BODY, authorization: `Bearer ${await stranger.token(Role.STUDENT, student)}` } };
    const address = newAddress();
    const answer = await ask(api, address, forged);
    expect([answer.status, answer.headers.get('ratelimit-policy')]).toEqual([401, `"address";q=${POINTS};w=3600;qu="points"`]);
    await exhaust(api, address);
    expect((await ask(api, address, forged)).status).toBe(429);
    const real: Options = { headers: { ...JSON_BODY, authorization: `Bearer ${await api.token(Role.STUDENT, student)}` } };
    expect(left(await ask(api, address, real))).toBe(POINTS - (await costOf(api)));
  });
});

describe('a proxy that TRUST_PROXY does not name', () => {
  it('gives no client an address of its own, and is told in the log once', async () => {
    const log = keptLog();
    const api = await start({ logger: log.logger, env: { TRUST_PROXY: 'off' } });
    const [first, second] = [await ask(api, newAddress()), await ask(api, newAddress())];
    expect(left(first) - left(second)).toBe(POINTS - left(first));
    const told = log.lines().filter(({ msg }) => msg.startsWith('a request has the header X-Forwarded-For, which is not believed'));
    expect(told).toMatchObject([{ level: 40, from: expect.stringContaining('127.0.0.1') }]);
    const other = keptLog();
    const trusting = await start({ logger: other.logger });
    await ask(trusting, newAddress());
    expect(other.text()).not.toContain('X-Forwarded-For');
  });
});

describe('the limits of rates', () => {
  it('are off with RATE_LIMIT=off', async () => {
    const api = await start({ env: { RATE_LIMIT: 'off', RATE_LIMIT_SIGNED_IN: '' } });
    for (const token of [null, await api.token(Role.ADMIN, null)]) {
      const { status, headers } = await ask(api, newAddress(), { headers: { ...JSON_BODY, 'graphql-cost-debug': '1', ...(token !== null && { authorization: `Bearer ${token}` }) } });
      expect([status, headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([200, null, null]);
    }
  });

  it('begin anew when their time is over', async () => {
    const api = await start({ env: { RATE_LIMIT: `${POINTS}/1` } });
    const address = newAddress();
    await exhaust(api, address);
    let answer: Response;
    do answer = await ask(api, address);
    while (answer.status === 429);
    expect([answer.status, left(answer)]).toEqual([200, POINTS - (await costOf(api))]);
  });

  it('hold a refusal back, so that a client which waits for it cannot keep the server busy', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>(resolve => (release = resolve));
    let holding = (): void => undefined;
    const isHeld = new Promise<void>(resolve => (holding = resolve));
    const api = await start({
      holdRefusal: () => {
        holding();
        return held;
      },
    });
    const address = newAddress();
    while (left(await ask(api, address)) > 100);
    let isAnswered = false;
    const refused = ask(api, address).then(({ status }) => {
      isAnswered = true;
      return status;
    });
    await isHeld;
    expect((await ask(api, newAddress())).status).toBe(200);
    expect(isAnswered).toBe(false);
    release();
    expect(await refused).toBe(429);
  });
});
