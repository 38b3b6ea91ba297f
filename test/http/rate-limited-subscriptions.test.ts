import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { addCourse, startApi, type Api } from '../support/api.js';
import { sendFrom, JSON_BODY, remainingPoints, RATE_LIMITS, newAddress, POINTS } from '../support/rates.js';

describe('subscriptions of an address with a rate limit', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite', { env: { ...RATE_LIMITS, EXPLORER: 'on' } });
    await addCourse(api.database);
  });
  afterAll(() => api.stop());

  it('an address is charged for each message that subscribes, by its cost, and for an invalid one too', async () => {
    const address = newAddress();
    const socket = new WebSocket(api.url.replace('http', 'ws'), 'graphql-transport-ws', {
      headers: { 'x-forwarded-for': address },
    });
    const says = async (): Promise<string> => String(((await once(socket, 'message')) as [Buffer])[0]);
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    await says();
    const costOfSubscribing = async (id: string, query: string): Promise<number> => {
      const before = remainingPoints(await sendFrom(api, address, { method: 'GET', path: '/nothing', headers: {} }));
      socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query } }));
      await says();
      return (
        before - remainingPoints(await sendFrom(api, address, { method: 'GET', path: '/nothing', headers: {} })) - 101
      );
    };
    const small = await costOfSubscribing('1', 'subscription { courseCountsChanged(courseIds: ["1"]) { courseId } }');
    expect(small).toBeGreaterThan(100);
    expect(await costOfSubscribing('2', 'subscription { nothing }')).toBe(
      100 + Math.ceil((120 * 'subscription { nothing }'.length) / 1024),
    );
    socket.terminate();
  });

  it('clients that ask for a WebSocket are told the rate limit and charged, whether they get it or not', async () => {
    const upgrade = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      'sec-websocket-protocol': 'graphql-transport-ws',
    };
    for (const [event, headers] of [
      ['upgrade', {}],
      ['response', { origin: 'https://stranger.example' }],
      ['response', { 'sec-websocket-version': '1' }],
    ] as const) {
      const asking = get(api.url, { headers: { ...upgrade, ...headers, 'x-forwarded-for': newAddress() } });
      const [answer, socket] = (await once(asking, event)) as [IncomingMessage, Socket | undefined];
      answer.resume();
      socket?.destroy();
      expect([answer.headers['ratelimit'], answer.headers['ratelimit-policy']]).toEqual([
        `"address";r=${POINTS - 100};t=3600`,
        `"address";q=${POINTS};w=3600;qu="points"`,
      ]);
    }
  });

  it('subscriptions beyond the rate limit are rejected in the way of their protocols', async () => {
    const query = 'subscription { courseCountsChanged { courseId } }';
    const used = newAddress();
    while (remainingPoints(await sendFrom(api, used)) > 100);
    const stream = await sendFrom(api, used, {
      path: '/graphql/stream',
      headers: { ...JSON_BODY, accept: 'text/event-stream' },
      body: JSON.stringify({ query }),
    });
    const [, event] = /^data: (.*)$/m.exec(await stream.text()) ?? [];
    expect([stream.status, JSON.parse(event!).errors[0].extensions]).toEqual([
      200,
      { code: 'RATE_LIMITED', retryAfter: expect.any(Number) },
    ]);
    const address = newAddress();
    const FromAddress = class extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol, { headers: { 'x-forwarded-for': address } });
      }
    };
    const connect = () =>
      createClient({ url: api.url.replace('http', 'ws'), retryAttempts: 0, webSocketImpl: FromAddress });
    const client = connect();
    // It costs more than all points, and leaves none.
    expect((await client.iterate({ query }).next()).value).toMatchObject({ data: {} });
    for (let again = 0; again < 2; again += 1) {
      const [error] = (await client
        .iterate({ query })
        .next()
        .catch((errors: unknown) => errors)) as { message: string; extensions: { code: string; retryAfter: number } }[];
      expect(error!.extensions).toEqual({
        code: 'RATE_LIMITED',
        retryAfter: Number(/Try again in (\d+) s/.exec(error!.message)![1]),
      });
    }
    await expect(connect().iterate({ query }).next()).rejects.toMatchObject({
      code: 1013,
      reason: expect.stringContaining('Your address has used up'),
    });
    await client.dispose();
  });
});
