import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fastify } from 'fastify';
import { pino } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';
import { readConfig } from '../../../src/config/config.js';
import { Course, Role } from '../../../src/entities/index.js';
import { contextFor } from '../../../src/graphql/context.js';
import { documentRulesOf } from '../../../src/graphql/documents/documents.js';
import { graphqlSchema } from '../../../src/graphql/schema.js';
import { LiveConnections } from '../../../src/http/live/connections.js';
import type { LiveEndpoint } from '../../../src/http/live/endpoint.js';
import { serveLiveCounts } from '../../../src/http/live/index.js';
import { RawAnswers } from '../../../src/http/answers/raw-answer.js';
import { SocketConnection } from '../../../src/http/live/socket-connection.js';
import { NO_ROWS } from '../../../src/reading/index.js';
import { MessageThrottle } from '../../../src/http/live/message-throttle.js';
import { LiveCounts, quotaLimits } from '../../../src/live-counts/index.js';
import { rejection } from '../../../src/access/token-error.js';
import { BackgroundRuns } from '../../../src/recounts/index.js';
import { addCourse, startApi, type Api } from '../../support/api.js';
import { promptly, waitUntil } from '../../support/wait.js';
import { protocols, subscribeBy } from '../../support/live-clients.js';
import { scrape } from '../../support/metrics.js';
import { bypassCounters } from '../../support/place-on.js';
import { beginSocket, openSocket } from '../../support/raw-socket.js';
import { addCourses } from '../../support/rows.js';
import { steppedClock, type SteppedClock } from '../../support/stepped-clock.js';
import { slowClient } from './slow-client.js';

/**
 * Selects the description of a course 16 times, thus 1 MB if it has 60,000 characters: a few such messages exceed what
 * the system buffers for a socket.
 */
const LARGE = Array.from({ length: 16 }, (_, index) => `part${index}: description`).join(' ');

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

describe.each(protocols)('a client by %s that does not read', protocol => {
  let api: Api;
  let clock: SteppedClock;

  beforeEach(async () => {
    clock = steppedClock();
    api = await startApi('sqlite', { clock });
  });
  afterEach(() => api.stop());

  const metric = async (name: string): Promise<unknown> =>
    (await scrape(api.metricsUrl)).get(`${name}{protocol="${protocol}"}`);

  it('a client that does not read is disconnected after 30 s and counted, while others go on', async () => {
    const course = await addCourse(api.database);
    const slow = await slowClient(
      protocol,
      api.url,
      `subscription { courseCountsChanged { course { totalEnrollments ${LARGE} } } }`,
    );
    const quick = subscribeBy(protocol, api.url);
    await Promise.all([slow.until(0), quick.counts()]);
    slow.stopReading();
    // A message of 16 MB, which no system buffers as a whole, so that none leaves from now on.
    await api.database.em.fork().nativeUpdate(Course, {}, { description: 'x'.repeat(1_000_000) });
    for (let total = 1; total <= 3; total += 1) {
      await bypassCounters(api.database, `update core_course set total_enrollments = ${total} where id = ${course}`);
      await clock.tick();
      await quick.counts();
    }
    clock.pass(29_999);
    vi.advanceTimersByTime(1000);
    expect([await metric('rollcall_live_slow_readers_total'), await metric('rollcall_live_connections')]).toEqual([
      0, 2,
    ]);
    clock.pass(1);
    vi.advanceTimersByTime(1000);
    expect(await metric('rollcall_live_slow_readers_total')).toBe(1);
    await waitUntil(
      async () =>
        (await metric('rollcall_live_connections')) === 1 && (await metric('rollcall_live_subscriptions')) === 1,
      'The slow client is still connected.',
    );
    slow.close();
    quick.close();
  });

  it('no messages are made for a client that does not read, however many courses it subscribes to', async () => {
    const courses = await addCourses(
      api.database,
      Array.from({ length: 100 }, () => ({})),
    );
    await api.database.em.fork().nativeUpdate(Course, {}, { description: 'x'.repeat(60_000) });
    // A computed count takes a statement for each message.
    let made = 0;
    api.database.config.set('onQuery', sql => {
      if (sql.includes('core_enrollments')) made += 1;
      return sql;
    });
    const slow = await slowClient(
      protocol,
      api.url,
      `subscription { courseCountsChanged { course { totalEnrollments enrollmentsCount { count } ${LARGE} } } }`,
    );
    slow.stopReading();
    const quick = subscribeBy(protocol, api.url);
    for (const course of courses) expect(await quick.counts()).toEqual([course, 0, 0]);
    expect(made).toBeLessThan(50);
    slow.close();
    quick.close();
  });
});

describe('a client by sse that has read only a part of a message', () => {
  it('a client that has read only a part of a message is disconnected after 30 s too', async () => {
    const clock = steppedClock();
    const api = await startApi('sqlite', { clock });
    const course = await addCourse(api.database);
    // Of 40 MB, of which the system buffers a part for the socket.
    await api.database.em.fork().nativeUpdate(Course, {}, { description: 'x'.repeat(1_000_000) });
    const parts = Array.from({ length: 40 }, (_, index) => `part${index}: description`).join(' ');
    const slow = await slowClient(
      'sse',
      api.url,
      `subscription { courseCountsChanged(courseIds: [${course}]) { course { totalEnrollments ${parts} } } }`,
    );
    slow.stopReading();
    const metric = async (name: string): Promise<unknown> =>
      (await scrape(api.metricsUrl)).get(`${name}{protocol="sse"}`);
    // Its statements are under way by then.
    const quick = subscribeBy('sse', api.url, { courseIds: [course] });
    await quick.counts();
    await waitUntil(() => {
      vi.advanceTimersByTime(1000);
      clock.pass(29_999);
      vi.advanceTimersByTime(1000);
      clock.pass(1);
      vi.advanceTimersByTime(1000);
      return metric('rollcall_live_slow_readers_total').then(cut => cut === 1);
    }, 'It is still connected.');
    expect(await metric('rollcall_live_connections')).toBe(1);
    slow.close();
    quick.close();
    await api.stop();
  });
});

describe('a WebSocket whose client sends without a pause', () => {
  it('a server reads 200 messages a second from a WebSocket, and the rest later', async () => {
    const api = await startApi('sqlite', { clock: steppedClock() });
    const [flooding, other] = [await beginSocket(api.url), await beginSocket(api.url)];
    for (let sent = 0; sent < 500; sent += 1) flooding.send({ type: 'ping' });
    // connection_init was the first.
    for (const expected of [199, 200, 101]) {
      for (let read = 0; read < expected; read += 1) expect(await flooding.next()).toEqual({ type: 'pong' });
      for (let turn = 0; turn < 20; turn += 1) {
        other.send({ type: 'ping' });
        await other.next();
      }
      expect(flooding.waiting).toBe(0);
      vi.advanceTimersByTime(1000);
    }
    flooding.socket.close();
    other.socket.close();
    await api.stop();
  });

  it('a server stops reading a WebSocket while 64 KiB wait for its client, goes on when the client reads, and disconnects one that never does', async () => {
    const clock = steppedClock();
    const database = { em: null } as never;
    const connections = new LiveConnections(clock, quotaLimits(5000));
    const endpoint = {
      connections,
      clock,
      messageThrottle: new MessageThrottle(),
      counts: new LiveCounts(database, () => undefined, clock, quotaLimits(5000)),
      isExpired: () => false,
    } as unknown as LiveEndpoint;
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const opened = once(server, 'connection') as Promise<[WebSocket]>;
    const client = await openSocket(`http://127.0.0.1:${(server.address() as { port: number }).port}`, {}, []);
    const [socket] = await opened;
    const connection = new SocketConnection(socket, endpoint, '192.0.2.1', () => undefined);
    client.socket.pause();
    const text = JSON.stringify({ type: 'pong', long: 'x'.repeat(10_000) });
    const sent: Promise<void>[] = [];
    // Until the system accepts no more, and then a little.
    while (socket.bufferedAmount <= 65_536) {
      sent.push(connection.send(text));
      await new Promise(resolve => setImmediate(resolve));
    }
    expect(socket.isPaused).toBe(true);
    client.socket.resume();
    await promptly(Promise.all(sent), 'What waited was not sent.');
    expect(socket.isPaused).toBe(false);
    client.socket.pause();
    while (socket.bufferedAmount <= 65_536) {
      // It fails if the connection is closed.
      connection.send(text).catch(() => undefined);
      await new Promise(resolve => setImmediate(resolve));
    }
    clock.pass(30_000);
    vi.advanceTimersByTime(1000);
    expect([socket.readyState === socket.OPEN, connections.slowReaders('ws')]).toEqual([false, 1]);
    await once(socket, 'close');
    expect([connections.count('ws'), vi.getTimerCount()]).toEqual([0, 0]);
    client.socket.terminate();
    server.close();
  });
});

describe('a subscriber whose rights have ended', () => {
  it('a subscriber whose rights have ended is disconnected by either protocol, with all its subscriptions, and others stay', async () => {
    const api = await startApi('sqlite');
    const course = await addCourse(api.database);
    const config = readConfig({ NODE_ENV: 'test' });
    const schema = graphqlSchema();
    const app = fastify();
    const logger = pino({ level: 'silent' });
    const runs = new BackgroundRuns(api.database, () => undefined);
    const viewers = new Map([
      ['mine', { userId: 1, role: Role.STUDENT }],
      ['other', { userId: 2, role: Role.STUDENT }],
    ]);
    const served = serveLiveCounts(app, {
      config,
      database: api.database,
      logger,
      clock: steppedClock(),
      rules: { ...config, ...documentRulesOf(schema, config), sizes: { current: NO_ROWS }, trusted: null },
      verify: token => Promise.resolve(viewers.get(token.split('.')[0]!)!),
      format: formatted => formatted,
      current: () => undefined,
      rawAnswers: new RawAnswers({}, []),
      clientAddressOf: () => '192.0.2.1',
      rates: null,
      isOverloaded: () => false,
      contextOf: subscriber => contextFor(api.database, subscriber.viewer, runs, { counts: served.counts, subscriber }),
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const url = `http://127.0.0.1:${(app.server.address() as { port: number }).port}/graphql`;
    const claims = Buffer.from(JSON.stringify({ exp: 4_000_000_000 })).toString('base64url');
    const subscribe = (protocol: (typeof protocols)[number], who: string) =>
      subscribeBy(protocol, url, { token: `${who}.${claims}.x` });
    const [mine, others] = [
      protocols.map(protocol => subscribe(protocol, 'mine')),
      protocols.map(protocol => subscribe(protocol, 'other')),
    ];
    for (const client of [...mine, ...others]) expect(await client.counts()).toEqual([course, 0, 0]);
    const gone = served.connections.subscribers().filter(({ viewer }) => viewer?.userId === 1);
    expect([gone.length, served.connections.subscribers().length]).toEqual([2, 4]);
    for (const subscriber of gone) served.connections.disconnect(subscriber, rejection('Your account is gone.'));
    expect(await mine[0]!.next()).toMatchObject({
      errors: [{ message: 'Your account is gone.', extensions: { code: 'UNAUTHENTICATED' } }],
    });
    expect(await mine[0]!.ended()).toBeNull();
    expect(await mine[1]!.ended()).toMatchObject({ code: 4403, reason: 'Your account is gone.' });
    await waitUntil(() => served.connections.subscribers().length === 2, 'They are still connected.');
    expect([served.counts.count('sse'), served.counts.count('ws')]).toEqual([1, 1]);
    for (const client of others) client.close();
    served.closeSubscriptions();
    await app.close();
    await api.stop();
  });
});
