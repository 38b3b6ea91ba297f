import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { readConfig } from '../../../src/config/config.js';
import { Course, Role } from '../../../src/entities/index.js';
import { issueToken } from '../../../src/access/tokens.js';
import { addCourse } from '../../support/api.js';
import { promptly, waitUntil } from '../../support/wait.js';
import { scrape } from '../../support/metrics.js';
import { beginSocket } from '../../support/raw-socket.js';
import { addCourses } from '../../support/rows.js';
import { startLiveApi, type LiveApi } from './live-api.js';
import { slowClient } from './slow-client.js';

const PROTOCOL = 'graphql-transport-ws';
const payload = { query: 'subscription { courseCountsChanged { courseId } }' };

describe('a WebSocket', () => {
  let live: LiveApi;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    live = await startLiveApi('sqlite');
    await addCourse(live.api.database);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await live.stop();
  });

  it('a WebSocket is closed if its client does not answer a ping for 12 s, and only then', async () => {
    const [alive, silent] = [await beginSocket(live.api.url), await beginSocket(live.api.url, {}, { autoPong: false })];
    for (let round = 0; round < 2; round += 1) {
      const asked = [alive, silent].map(({ socket }) => once(socket, 'ping'));
      vi.advanceTimersByTime(12_000);
      if (round === 0) await promptly(Promise.all(asked), 'Nobody was asked for a sign of life.');
      // What is sent after the pong arrives after it.
      alive.send({ type: 'ping' });
      expect(await alive.next()).toEqual({ type: 'pong' });
      if (round === 0) expect(silent.socket.readyState).toBe(WebSocket.OPEN);
    }
    expect(await promptly(silent.closed, 'The silent client is still connected.')).toEqual([1006, '']);
    expect(alive.socket.readyState).toBe(WebSocket.OPEN);
    alive.socket.close();
    await alive.closed;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('a WebSocket accepts messages of 64 KiB, and is closed by a longer one', async () => {
    const { socket, send, next, closed } = await beginSocket(live.api.url);
    const message = (bytes: number): object => ({
      type: 'ping',
      payload: { long: 'x'.repeat(bytes - JSON.stringify({ type: 'ping', payload: { long: '' } }).length) },
    });
    send(message(65_536));
    expect(await next()).toEqual({ type: 'pong' });
    send(message(65_537));
    expect(await promptly(closed, 'The message was taken.')).toEqual([1009, '']);
    expect(socket.readyState).toBe(WebSocket.CLOSED);
  });

  it('a WebSocket has at most 50 subscriptions, even if ids are reused at once, and none when it is closed', async () => {
    const { api, clock } = live;
    const { socket, send, next, closed } = await beginSocket(api.url);
    const count = async (): Promise<unknown> =>
      (await scrape(`${new URL(api.url).origin}/metrics`)).get('rollcall_live_subscriptions{protocol="ws"}');
    // In one piece, so that each may arrive while the previous one begins.
    const { cork, uncork } = (socket as unknown as { _socket: { cork: () => void; uncork: () => void } })._socket;
    cork.call((socket as unknown as { _socket: object })._socket);
    for (let more = 0; more < 60; more += 1)
      send({ id: '1', type: 'subscribe', payload }, { id: '1', type: 'complete' });
    for (let more = 0; more < 60; more += 1) send({ id: `other ${more}`, type: 'subscribe', payload });
    uncork.call((socket as unknown as { _socket: object })._socket);
    let refused = 0;
    for (const outcomes = new Set<string>(); outcomes.size < 60;) {
      const { id, type, payload: outcome } = await next();
      if (!id?.startsWith('other') || type === 'complete') continue;
      outcomes.add(id);
      if (JSON.stringify(outcome).includes('TOO_MANY_SUBSCRIPTIONS')) refused += 1;
    }
    expect([refused >= 10, await count()]).toEqual([true, 50]);
    socket.close();
    await closed;
    await waitUntil(async () => (await count()) === 0, 'Subscriptions are left of a connection that has gone.');
    expect(clock.isAwaited).toBe(false);
  });

  it('a WebSocket whose token expires before it subscribes is closed with 4403', async () => {
    const { jwt } = readConfig({ NODE_ENV: 'test' });
    const token = await issueToken(jwt, { role: Role.ADMIN, userId: null, expiresIn: '1h' });
    const { send, next, closed } = await beginSocket(live.api.url, { authorization: `Bearer ${token}` });
    live.clock.pass(3_500_000);
    send({ id: '1', type: 'subscribe', payload });
    expect(await next()).toMatchObject({ type: 'next' });
    // Beyond the tolerance of clocks.
    live.clock.pass(131_000);
    send({ id: '2', type: 'subscribe', payload });
    expect(await promptly(closed, 'The connection is still open.')).toEqual([
      4403,
      'The token has expired. Get a new one.',
    ]);
  });

  it('a WebSocket that is requested while the server stops is rejected with 503, and clients of either protocol that do not leave are disconnected', async () => {
    const lines: string[] = [];
    const { server, database } = await live.another({
      logger: pino({ level: 'error' }, { write: line => void lines.push(line) }),
    });
    // A socket buffers only a part of 16 messages of 1 MB.
    await addCourses(
      database,
      Array.from({ length: 15 }, () => ({})),
    );
    await database.em.fork().nativeUpdate(Course, {}, { description: 'x'.repeat(60_000) });
    const stuck = await slowClient(
      'sse',
      server.url,
      `subscription { courseCountsChanged { course { totalEnrollments ${Array.from({ length: 16 }, (_, index) => `part${index}: description`).join(' ')} } } }`,
    );
    stuck.stopReading();
    const stubborn = await beginSocket(server.url);
    const late = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port), allowHalfOpen: true });
    await once(late, 'connect');
    // This is begun before, or the server would have closed the connection by then.
    late.write('GET /graphql HTTP/1.1\r\nHost: localhost\r\n');
    const leaving = await beginSocket(server.url);
    const agent = new Agent({ keepAlive: true });
    const [reading] = (await once(
      get(`${server.url}/stream?${new URLSearchParams(payload)}`, { agent, headers: { accept: 'text/event-stream' } }),
      'response',
    )) as [IncomingMessage];
    stubborn.socket.pause();
    const stopped = server.close();
    expect(await promptly(leaving.closed, 'The client was not sent away.')).toEqual([
      1001,
      'The server is stopping. Connect again.',
    ]);
    late.write(
      `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\nSec-WebSocket-Protocol: ${PROTOCOL}\r\n\r\n`,
    );
    const [answer] = (await promptly(once(late, 'data'), 'The late client got no answer.')) as [Buffer];
    expect(String(answer).split('\r\n', 1)).toEqual(['HTTP/1.1 503 Service Unavailable']);
    late.resetAndDestroy();
    expect(await text(reading)).toMatch(/^:\n\n(event: next\n.+\n\n)*$/);
    expect([await promptly(stopped, 'The server has not stopped.'), lines]).toEqual([0, []]);
    stuck.close();
    stubborn.socket.resume();
    expect(await promptly(stubborn.closed, 'The client that does not leave is still connected.')).toMatchObject([
      1001,
      expect.anything(),
    ]);
  });
});
