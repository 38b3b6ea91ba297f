import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addCourse, startApi, type Api } from '../support/api.js';
import { keptLog } from '../support/log-lines.js';
import { scrape } from '../support/metrics.js';
import {
  sendFrom,
  codesOf,
  costOf,
  exhaust,
  JSON_BODY,
  remainingPoints,
  RATE_LIMITS,
  newAddress,
  type Options,
  POINTS,
  start,
} from '../support/rates.js';

describe('the rate limit of an address', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite', { env: { ...RATE_LIMITS, EXPLORER: 'on' } });
    await addCourse(api.database);
  });
  afterAll(() => api.stop());

  it('the rate limit of an address is in the headers of each answer, with what is left of it', async () => {
    const address = newAddress();
    const first = await sendFrom(api, address);
    expect(first.headers.get('ratelimit-policy')).toBe(`"address";q=${POINTS};w=3600;qu="points"`);
    expect(first.headers.get('ratelimit')).toMatch(/^"address";r=\d{3};t=3600$/);
    const second = await sendFrom(api, address);
    expect(remainingPoints(first) - remainingPoints(second)).toBe(POINTS - remainingPoints(first));
  });

  it('a used-up rate limit rejects with RATE_LIMITED and 429, and says when to try again', async () => {
    const address = newAddress();
    await exhaust(api, address);
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const refused = await sendFrom(api, address, { headers: { ...JSON_BODY, accept } });
      expect([
        refused.status,
        refused.headers.get('content-type'),
        refused.headers.get('cache-control'),
        remainingPoints(refused),
      ]).toEqual([429, `${accept}; charset=utf-8`, 'no-store', 0]);
      const seconds = refused.headers.get('retry-after')!;
      expect(Number(seconds)).toBeGreaterThan(3500);
      expect(await refused.json()).toEqual({
        errors: [
          {
            message: `Your address has used up the ${POINTS} points for 3600 s. Try again in ${seconds} s; ask for less at once, or sign in.`,
            extensions: { code: 'RATE_LIMITED' },
          },
        ],
      });
    }
    expect((await sendFrom(api, newAddress())).status).toBe(200);
  });

  it.each<[string, Options]>([
    ['POST /graphql', {}],
    [
      'GET /graphql',
      { method: 'GET', path: '/graphql?query={__typename}', headers: { 'apollo-require-preflight': '1' } },
    ],
    ['a body that is no JSON', { body: '{' }],
    ['an operation that is not GraphQL', { body: '{"query":"{"}' }],
    ['a body of another type', { headers: { 'content-type': 'text/plain' } }],
    ['a token that proves nothing', { headers: { ...JSON_BODY, authorization: 'Bearer x.y.z' } }],
    ['a header that holds no token', { headers: { ...JSON_BODY, authorization: 'Basic eA==' } }],
    ['a token with a body that is no JSON', { headers: { ...JSON_BODY, authorization: 'Bearer x.y.z' }, body: '{' }],
    ['a compressed body', { headers: { ...JSON_BODY, 'content-encoding': 'gzip' } }],
    [
      'a token with a compressed body',
      { headers: { ...JSON_BODY, 'content-encoding': 'gzip', authorization: 'Bearer x.y.z' } },
    ],
    ['POST /graphql/stream', { path: '/graphql/stream', headers: { ...JSON_BODY, accept: 'text/event-stream' } }],
    [
      'GET /graphql/stream',
      { method: 'GET', path: '/graphql/stream?query={__typename}', headers: { accept: 'text/event-stream' } },
    ],
    ['a page', { method: 'GET', path: '/explorer', headers: {} }],
    ['a path at which there is nothing', { method: 'GET', path: '/nothing', headers: {} }],
    ['a method that the path does not take', { method: 'PUT' }],
  ])('the rate limit of an address applies to %s', async (_name, options) => {
    const address = newAddress();
    const granted = await sendFrom(api, address, options);
    await granted.body?.cancel();
    expect(granted.status).not.toBe(429);
    expect(remainingPoints(granted)).toBeLessThanOrEqual(POINTS - 100);
    await exhaust(api, address);
    const refused = await sendFrom(api, address, options);
    expect([refused.status, await codesOf(refused)]).toEqual([429, ['RATE_LIMITED']]);
  });

  it('the rate limit of an address does not apply to polling', async () => {
    const address = newAddress();
    await exhaust(api, address);
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      const { status, headers } = await sendFrom(api, address, { method: 'GET', path, headers: {} });
      expect([path, status, headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([
        path,
        200,
        null,
        null,
      ]);
    }
  });

  it('the rate limit of an address does not keep a page from learning by a preflight what it may send', async () => {
    const address = newAddress();
    await exhaust(api, address);
    const origin = 'http://localhost:5173';
    const preflight = await sendFrom(api, address, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    const refused = await sendFrom(api, address, { headers: { ...JSON_BODY, origin } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([429, origin]);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['without a token', {}],
    ['with one that proves nothing', { authorization: 'Bearer x.y.z' }],
  ])('a used-up rate limit rejects a request %s before its body is read', async (_name, token) => {
    const address = newAddress();
    await exhaust(api, address);
    // Its body never ends, so that it is answered only if the server does not wait for it.
    const asking = request(api.url, {
      method: 'POST',
      headers: { ...JSON_BODY, ...token, 'content-length': '1000000', 'x-forwarded-for': address },
    });
    asking.on('error', () => undefined).write('{');
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(429);
    asking.destroy();
  });

  it('the metrics count the requests that the rate limit rejected', async () => {
    const name = 'rollcall_rate_limited_total{limit="address"}';
    const before = (await scrape(api.metricsUrl)).get(name) ?? 0;
    const address = newAddress();
    await exhaust(api, address);
    await sendFrom(api, address);
    expect((await scrape(api.metricsUrl)).get(name)).toBe(before + 2);
  });
});

describe('a proxy that TRUST_PROXY does not name', () => {
  it('a proxy that TRUST_PROXY does not name gives no client an address of its own, and is logged once', async () => {
    const log = keptLog();
    const api = await start({ logger: log.logger, env: { TRUST_PROXY: 'off' } });
    const [first, second] = [await sendFrom(api, newAddress()), await sendFrom(api, newAddress())];
    expect(remainingPoints(first) - remainingPoints(second)).toBe(POINTS - remainingPoints(first));
    const told = log
      .lines()
      .filter(({ msg }) => msg.startsWith('a request has the header X-Forwarded-For, which is not trusted'));
    expect(told).toMatchObject([{ level: 40, from: expect.stringContaining('127.0.0.1') }]);
    const other = keptLog();
    const trusting = await start({ logger: other.logger });
    await sendFrom(trusting, newAddress());
    expect(other.text()).not.toContain('X-Forwarded-For');
  });
});

describe('rate limits', () => {
  it('rate limits are off with RATE_LIMIT=off', async () => {
    const api = await start({ env: { RATE_LIMIT: 'off', RATE_LIMIT_SIGNED_IN: '' } });
    for (const token of [null, await api.token(Role.ADMIN, null)]) {
      const { status, headers } = await sendFrom(api, newAddress(), {
        headers: {
          ...JSON_BODY,
          'graphql-cost-debug': '1',
          ...(token !== null && { authorization: `Bearer ${token}` }),
        },
      });
      expect([status, headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([200, null, null]);
    }
  });

  it('rate limits begin anew when their time is over', async () => {
    const api = await start({ env: { RATE_LIMIT: `${POINTS}/1` } });
    const address = newAddress();
    await exhaust(api, address);
    let answer: Response;
    do answer = await sendFrom(api, address);
    while (answer.status === 429);
    expect([answer.status, remainingPoints(answer)]).toEqual([200, POINTS - (await costOf(api))]);
  });

  it('rate limits delay a rejection, so that a client that waits for it cannot keep the server busy', async () => {
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
    while (remainingPoints(await sendFrom(api, address)) > 100);
    let isAnswered = false;
    const refused = sendFrom(api, address).then(({ status }) => {
      isAnswered = true;
      return status;
    });
    await isHeld;
    expect((await sendFrom(api, newAddress())).status).toBe(200);
    expect(isAnswered).toBe(false);
    release();
    expect(await refused).toBe(429);
  });
});
