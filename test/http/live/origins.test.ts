import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCourse, startApi, type Api } from '../../support/api.js';
import { scrape } from '../../support/metrics.js';
import { openSocket, refusedSocket } from '../../support/raw-socket.js';

const url = (api: Api): string =>
  `${api.url}/stream?${new URLSearchParams({ query: 'subscription { courseCountsChanged { courseId } }' })}`;

/** Returns the status of the answer to a page of an origin that subscribes by server-sent events. */
async function byEvents(api: Api, headers: Record<string, string>): Promise<number> {
  // Not by fetch, which sends headers of its own in place of some.
  const request = get(url(api), { agent: false, headers: { accept: 'text/event-stream', ...headers } });
  const [{ statusCode }] = (await once(request, 'response')) as [IncomingMessage];
  request.destroy();
  return statusCode!;
}

/** The same by WebSocket; 101 if it is accepted. */
async function bySocket(api: Api, headers: Record<string, string>): Promise<number> {
  const opened = await openSocket(api.url, { headers }).catch(() => null);
  if (!opened) return (await refusedSocket(api.url, headers)).status;
  opened.socket.terminate();
  return 101;
}

describe.each<[settings: string, env: Record<string, string>, allowed: string[], refused: string[]]>([
  [
    'names origins',
    { CORS_ORIGINS: 'https://school.example,http://localhost:5173' },
    ['https://school.example', 'http://localhost:5173'],
    [
      'https://other.example',
      'http://school.example',
      'https://school.example:8443',
      'https://school.example.evil',
      'null',
      'no origin',
      '',
    ],
  ],
  ['is none', { CORS_ORIGINS: 'none' }, [], ['https://school.example', 'http://localhost:5173', 'null']],
  ['is all', { CORS_ORIGINS: '*' }, ['https://school.example', 'null'], []],
  [
    'is not set, in development',
    {},
    ['http://localhost:5173', 'https://127.0.0.1:3000', 'https://studio.apollographql.com'],
    ['https://school.example', 'http://localhost.evil', 'null'],
  ],
])('the origins of subscriptions where CORS_ORIGINS %s', (_settings, env, allowed, refused) => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite', { env });
    await addCourse(api.database);
  });
  afterAll(() => api.stop());

  it('pages of other origins can open no subscription, by either protocol, and are counted', async () => {
    for (const origin of refused)
      expect([origin, await bySocket(api, { origin }), await byEvents(api, { origin })]).toEqual([origin, 403, 403]);
    if (refused.length === 0) return;
    expect(await refusedSocket(api.url, { origin: 'https://evil.example' })).toMatchObject({
      status: 403,
      code: 'FORBIDDEN',
      message:
        'Pages of "https://evil.example" may not subscribe here. CORS_ORIGINS lists the origins whose pages may.',
    });
    expect((await scrape(api.metricsUrl)).get('rollcall_live_refusals_total{reason="origin"}')).toBeGreaterThan(
      2 * refused.length,
    );
  });

  it('allowed pages, pages of the server itself, and clients that are no browsers can open subscriptions', async () => {
    const { host } = new URL(api.url);
    for (const headers of [...allowed, `http://${host}`, `https://${host}`].map(origin => ({ origin })))
      expect([headers, await bySocket(api, headers), await byEvents(api, headers)]).toEqual([headers, 101, 200]);
    expect([await bySocket(api, {}), await byEvents(api, {})]).toEqual([101, 200]);
  });

  it('a page that may not read the answer cannot hold a stream open, though its browser names no origin', async () => {
    expect(await byEvents(api, { 'sec-fetch-mode': 'no-cors', 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await byEvents(api, { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' })).toBe(200);
  });
});
