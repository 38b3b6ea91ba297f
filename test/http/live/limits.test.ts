import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { addCourse, startApi, type Api } from '../../support/api.js';
import { promptly, waitUntil } from '../../support/wait.js';
import { scrape } from '../../support/metrics.js';
import { beginSocket, openSocket, refusedSocket } from '../../support/raw-socket.js';
import { addUsers } from '../../support/rows.js';
import { steppedClock, type SteppedClock } from '../../support/stepped-clock.js';

const query = 'subscription { courseCountsChanged { courseId } }';

/**
 * A server with at most 100 connections: 20 for the clients of one address without a token, 40 for all of one address,
 * 50 for all without a token, 2 for a viewer.
 */
describe('the connections for live counts', () => {
  let api: Api;
  let clock: SteppedClock;
  let users: readonly number[];

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    clock = steppedClock();
    api = await startApi('sqlite', { clock, env: { MAX_SUBSCRIPTIONS: '100', TRUST_PROXY: 'loopback' } });
    await addCourse(api.database);
    users = await addUsers(api.database, Role.STUDENT, 11);
  });
  afterEach(async () => {
    const stopped = api.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    vi.useRealTimers();
    await stopped;
  });

  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
  /** Returns the parameters for the first viewer, the second and so on. */
  const token = async (which: number): Promise<object> => ({
    authorization: `Bearer ${await api.token(Role.STUDENT, users[which - 1]!)}`,
  });
  /** The streams, because an unreferenced stream is cancelled. */
  const kept: Response[] = [];
  const stream = async (address: string, headers: object = {}): Promise<Response> => {
    kept.push(
      await fetch(`${api.url}/stream?${new URLSearchParams({ query })}`, {
        headers: { accept: 'text/event-stream', ...from(address).headers, ...headers },
      }),
    );
    return kept.at(-1)!;
  };
  const metric = async (name: string): Promise<unknown> => (await scrape(api.metricsUrl)).get(name);

  it('connections are shared out by either protocol: an address without a token has a fifth, and its viewers find room beside it', async () => {
    for (let one = 0; one < 10; one += 1)
      expect((await beginSocket(api.url, {}, from('192.0.2.1'))).answer).toBe('connection_ack');
    for (let one = 0; one < 10; one += 1) expect((await stream('192.0.2.1')).status).toBe(200);
    const message =
      'The clients of your address without a token would have 21 connections, and 20 are allowed. Close some, or use one WebSocket for several subscriptions.';
    const tooMany = await beginSocket(api.url, {}, from('192.0.2.1'));
    // The part of the reason that fits.
    expect(await tooMany.closed).toEqual([1013, message.slice(0, 120)]);
    const refused = await stream('192.0.2.1');
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toEqual([
      429,
      '5',
      { errors: [{ message, extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }] },
    ]);
    expect(await metric('rollcall_live_refusals_total{reason="connections"}')).toBe(2);

    for (let viewer = 1; viewer <= 10; viewer += 1) {
      const parameters = await token(viewer);
      expect((await beginSocket(api.url, parameters, from('192.0.2.1'))).answer).toBe('connection_ack');
      expect((await stream('192.0.2.1', parameters)).status).toBe(200);
      expect((await beginSocket(api.url, parameters, from('203.0.113.9'))).answer).toBe(1013);
    }
    expect((await beginSocket(api.url, await token(11), from('192.0.2.1'))).answer).toBe(1013);
    expect((await beginSocket(api.url, await token(11), from('192.0.2.2'))).answer).toBe('connection_ack');
    expect([
      await metric('rollcall_live_connections{protocol="ws"}'),
      await metric('rollcall_live_connections{protocol="sse"}'),
    ]).toEqual([21, 20]);
    expect(kept).toHaveLength(21);
  });

  it('connections that end make room, however they ended', async () => {
    for (let round = 0; round < 3; round += 1) {
      const sockets = await Promise.all(Array.from({ length: 20 }, () => beginSocket(api.url, {}, from('192.0.2.1'))));
      expect(sockets.map(({ answer }) => answer)).toEqual(sockets.map(() => 'connection_ack'));
      for (const [index, { socket, send }] of sockets.entries())
        if (index % 3 === 0) socket.close();
        else if (index % 3 === 1) socket.terminate();
        else send('no JSON');
      await waitUntil(
        async () => (await metric('rollcall_live_connections{protocol="ws"}')) === 0,
        'Connections are left.',
      );
      const leave = new AbortController();
      for (let one = 0; one < 20; one += 1)
        expect(
          (
            await fetch(`${api.url}/stream?${new URLSearchParams({ query })}`, {
              signal: leave.signal,
              headers: { accept: 'text/event-stream', ...from('192.0.2.1').headers },
            })
          ).status,
        ).toBe(200);
      leave.abort();
      await waitUntil(
        async () => (await metric('rollcall_live_connections{protocol="sse"}')) === 0,
        'Streams are left.',
      );
    }
  });

  it('connections that have not begun are limited separately from the others, and end after 3 s', async () => {
    const address = from('192.0.2.1');
    const begun = await Promise.all(Array.from({ length: 20 }, () => beginSocket(api.url, {}, address)));
    const idle = await Promise.all(Array.from({ length: 20 }, () => openSocket(api.url, address)));
    expect(await refusedSocket(api.url, address.headers)).toMatchObject({
      status: 429,
      headers: { 'retry-after': '5' },
      code: 'TOO_MANY_SUBSCRIPTIONS',
      message:
        'The clients of your address without a token would have 21 WebSockets without connection_init, and 20 are allowed. Close some, or try again later.',
    });
    expect((await beginSocket(api.url, {}, from('192.0.2.2'))).answer).toBe('connection_ack');
    vi.advanceTimersByTime(3000);
    for (const { closed } of idle) expect(await closed).toEqual([4408, 'Connection initialisation timeout']);
    expect((await beginSocket(api.url, await token(1), address)).answer).toBe('connection_ack');
    expect(begun.map(({ socket }) => socket.readyState)).toEqual(begun.map(({ socket }) => socket.OPEN));
  });

  it('connections end after 60 s without a subscription, and only then', async () => {
    const [idle, used] = [await beginSocket(api.url), await beginSocket(api.url)];
    used.send({ id: '1', type: 'subscribe', payload: { query } });
    await used.next();
    const pass = (milliseconds: number): void => {
      clock.pass(milliseconds);
      vi.advanceTimersByTime(1000);
    };
    pass(59_999);
    expect(idle.socket.readyState).toBe(idle.socket.OPEN);
    pass(1);
    expect(await promptly(idle.closed, 'The idle connection is still open.')).toEqual([
      1000,
      'No subscription for 60 s. Connect again to subscribe.',
    ]);
    used.send({ id: '1', type: 'complete' }, { type: 'ping' });
    expect(await used.next()).toEqual({ type: 'pong' });
    pass(59_000);
    expect(used.socket.readyState).toBe(used.socket.OPEN);
    pass(1000);
    expect((await promptly(used.closed, 'The connection is still open.'))[0]).toBe(1000);
  });

  it('connections end when the token expires before anything is subscribed', async () => {
    const { closed } = await beginSocket(api.url, await token(1));
    clock.pass(3_700_000);
    vi.advanceTimersByTime(1000);
    expect(await promptly(closed, 'The connection is still open.')).toEqual([
      4403,
      'The token has expired. Get a new one.',
    ]);
  });
});

describe('several streams of events that are requested on one connection at once', () => {
  it('all streams of events on one connection but the first are rejected, and the first waits for none of them and leaves nothing behind', async () => {
    const api = await startApi('sqlite');
    await addCourse(api.database);
    const { hostname, port } = new URL(api.url);
    const request = `GET /graphql/stream?${new URLSearchParams({ query })} HTTP/1.1\r\nhost: ${hostname}\r\naccept: text/event-stream\r\n\r\n`;
    const socket = connect({ host: hostname, port: Number(port) });
    socket.write(request.repeat(3));
    await once(socket, 'data');
    const count = async (): Promise<unknown> =>
      (await scrape(api.metricsUrl)).get('rollcall_live_connections{protocol="sse"}');
    await waitUntil(async () => (await count()) === 1, 'There is not one stream.');
    socket.destroy();
    await waitUntil(async () => (await count()) === 0, 'A stream is left of a connection that has gone.');
    await api.stop();
  });
});
