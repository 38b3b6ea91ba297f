import { pbkdf2Sync } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { loadThresholds } from '../../src/http/limits/load-shedding.js';
import { amplePoints, anyLoad, startApi, type Api, type ApiOptions } from '../support/api.js';
import { keptLog } from '../support/log-lines.js';
import { scrape } from '../support/metrics.js';

const JSON_BODY = { 'content-type': 'application/json' };

async function start(options: ApiOptions): Promise<Api> {
  const api = await startApi('sqlite', options);
  onTestFinished(() => api.stop());
  return api;
}

const ask = (
  { url }: Api,
  path = '/graphql',
  init: RequestInit = { method: 'POST', body: '{"query":"{ __typename }"}' },
): Promise<Response> => fetch(new URL(path, url), { headers: JSON_BODY, ...init });

describe('an overloaded server', () => {
  it('an overloaded server rejects requests with OVERLOADED, 503 and Retry-After, but answers polling', async () => {
    const log = keptLog();
    const api = await start({
      logger: log.logger,
      thresholds: { ...anyLoad, isOverloaded: { ask: () => true, everyMs: 60_000 } },
    });
    const refused = [
      await ask(api),
      await ask(api, '/graphql?query={__typename}', {
        method: 'GET',
        headers: { 'apollo-require-preflight': '1', origin: 'http://localhost:5173' },
      }),
      await ask(api, '/graphql/stream', {
        method: 'POST',
        headers: { ...JSON_BODY, accept: 'text/event-stream' },
        body: '{}',
      }),
      await ask(api, '/nothing', { method: 'GET' }),
    ];
    for (const { status, headers } of refused)
      expect([status, headers.get('retry-after'), headers.get('cache-control'), headers.get('ratelimit')]).toEqual([
        503,
        '5',
        'no-store',
        expect.stringContaining('"address";r='),
      ]);
    // A page can read the reason.
    expect(refused[1]!.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
    expect(await refused[0]!.json()).toEqual({
      errors: [
        {
          message: 'The server has more work than it can do in time. Nothing was done; try again in 5 s.',
          extensions: { code: 'OVERLOADED' },
        },
      ],
    });
    for (const path of ['/healthz', '/readyz', '/metrics'])
      expect([path, (await ask(api, path, { method: 'GET' })).status]).toEqual([path, 200]);
    expect((await scrape(api.metricsUrl)).get('rollcall_overloaded_total{reason="other"}')).toBe(4);
    const lines = await log.requests(4);
    expect(lines.slice(0, 4).map(({ status, errorCodes, level }) => [status, errorCodes, level])).toEqual(
      Array.from({ length: 4 }, () => [503, ['OVERLOADED'], 40]),
    );
    expect(log.lines().filter(({ level }) => level >= 50)).toEqual([]);
  });

  it('an overloaded server accepts no WebSocket', async () => {
    const api = await start({ thresholds: { ...anyLoad, isOverloaded: { ask: () => true, everyMs: 60_000 } } });
    const asking = get(api.url, {
      headers: {
        connection: 'upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        'sec-websocket-protocol': 'graphql-transport-ws',
      },
    });
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5']);
    answer.resume();
  });

  it('an overloaded server accepts requests again when the work is done', async () => {
    let isBusy = true;
    const api = await start({ thresholds: { ...anyLoad, isOverloaded: { ask: () => isBusy, everyMs: 1 } } });
    expect((await ask(api)).status).toBe(503);
    isBusy = false;
    let status: number;
    do ({ status } = await ask(api));
    while (status === 503);
    expect(status).toBe(200);
  });

  it.each([
    ['event_loop', { ...anyLoad, maxEventLoopDelayMs: 0.000_001 }],
    ['heap', { ...anyLoad, maxHeapBytes: 1 }],
  ])('a server knows by what it measures that it is overloaded: %s', async (reason, thresholds) => {
    const api = await start({ thresholds });
    // It measures once a second.
    while ((await ask(api)).status === 200);
    expect((await scrape(api.metricsUrl)).get(`rollcall_overloaded_total{reason="${reason}"}`)).toBeGreaterThan(0);
  });

  it('a server knows by the requests under way that it cannot do them in time, though each turn of the event loop is on time', async () => {
    const api = await start({ env: amplePoints, thresholds: { ...anyLoad, maxBacklogMs: 1 } });
    const body = JSON.stringify({ query: '{ __schema { types { fields { name args { name description } } } } }' });
    const askMany = (): Promise<number[]> =>
      Promise.all(
        Array.from({ length: 200 }, async () => (await ask(api, '/graphql', { method: 'POST', body })).status),
      );
    while (!(await askMany()).includes(503));
    expect((await scrape(api.metricsUrl)).get('rollcall_overloaded_total{reason="backlog"}')).toBeGreaterThan(0);
    while ((await ask(api)).status === 503);
  });

  it('a server rejects requests while real work delays its turns, answers polling meanwhile, and accepts requests again afterwards', async () => {
    const config = readConfig({ NODE_ENV: 'test', MAX_EVENT_LOOP_DELAY: '20' });
    const api = await start({ thresholds: loadThresholds(config) });
    let isFlooded = true;
    const flood = (async () => {
      for (; isFlooded; await setImmediate())
        for (let round = 0; round < 50; round += 1) pbkdf2Sync('a password', 'salt', 2000, 64, 'sha512');
    })();
    let answer: Response;
    do answer = await ask(api);
    while (answer.status === 200);
    expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toMatchObject([
      503,
      '5',
      { errors: [{ extensions: { code: 'OVERLOADED' } }] },
    ]);
    for (const path of ['/healthz', '/readyz', '/metrics'])
      expect([path, (await ask(api, path, { method: 'GET' })).status]).toEqual([path, 200]);
    isFlooded = false;
    await flood;
    do answer = await ask(api);
    while (answer.status === 503);
    expect(answer.status).toBe(200);
    expect((await scrape(api.metricsUrl)).get('rollcall_overloaded_total{reason="event_loop"}')).toBeGreaterThan(0);
  });
});
