import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Course } from '../../src/entities/index.js';
import { addCourse, startApi, type Api } from '../support/api.js';
import { promptly } from '../support/wait.js';
import { keptLog, type KeptLog } from '../support/log-lines.js';
import { growthOf, scrape } from '../support/metrics.js';

describe('a client that hangs up', () => {
  let log: KeptLog;
  let api: Api;

  beforeAll(async () => {
    log = keptLog();
    api = await startApi('sqlite', { logger: log.logger });
    for (let count = 0; count < 20; count += 1) await addCourse(api.database);
    // Long enough to be compressed as a stream; shorter answers are compressed at once.
    await api.database.em
      .fork()
      .nativeUpdate(Course, {}, { description: 'Counting, from one to as many as there are. '.repeat(300) });
  });
  afterAll(() => api.stop());
  beforeEach(() => log.clear());

  /** Sends bytes; returns the client's end of the connection, and the server's once the request has arrived there. */
  async function sent(
    bytes: string,
    atStart: (response: ServerResponse) => void = () => undefined,
  ): Promise<{ client: Socket; server: Socket }> {
    const { hostname, port } = new URL(api.url);
    const arrived = new Promise<Socket>(resolve => {
      const onRequest = (message: unknown): void => {
        const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
        if (request.socket.localPort !== Number(port)) return;
        unsubscribe('http.server.request.start', onRequest);
        atStart(response);
        resolve(request.socket);
      };
      subscribe('http.server.request.start', onRequest);
    });
    const client = connect({ host: hostname, port: Number(port) }, () => client.write(bytes));
    client.on('error', () => undefined).resume();
    return { client, server: await promptly(arrived, 'The request has not arrived.') };
  }

  const post = (body: string, headers = ''): string =>
    `POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept-encoding: gzip\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const long = post(JSON.stringify({ query: '{ courses(first: 20) { nodes { title description } } }' }));
  const short = post(JSON.stringify({ query: '{ courses(first: 1) { nodes { title } } }' }));
  const events = `GET /graphql/stream?query=${encodeURIComponent('subscription { courseCountsChanged { courseId course { title } } }')} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n`;

  /** Asserts that a request was logged once, as aborted or, if it was answered by then, like any other. */
  async function expectOneLine(aborted: true | undefined): Promise<void> {
    const [line] = await log.requests(1);
    expect(line).toMatchObject({ level: 30, status: 200, errors: 0 });
    expect(line!['aborted']).toBe(aborted);
    // Anything still to be logged arrives with the events under way.
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    expect(log.lines()).toEqual([line]);
  }

  it.each([
    ['before a compressed answer', long],
    ['before a short answer', short],
    ['before a stream of events', events],
  ])('a client that hangs up %s is counted as aborted, at whatever moment, and causes no error', async (_, bytes) => {
    let left = 0;
    for (let turns = 0; turns < 40; turns += 1) {
      log.clear();
      const { client, server } = await sent(bytes);
      // The end of the connection reaches the server at successive turns of its event loop.
      for (let turn = 0; turn < turns && !server.destroyed; turn += 1) await setImmediate();
      const isAnswered = log.lines().length > 0;
      if (!isAnswered) left += 1;
      const closed = server.destroyed || once(server, 'close');
      server.destroy();
      client.resetAndDestroy();
      await closed;
      await expectOneLine(isAnswered ? undefined : true);
    }
    expect(left).toBeGreaterThan(0);
  });

  it.each([
    ['a compressed answer', long],
    ['a stream of events', events],
  ])('a client that hangs up as %s begins is counted as aborted, and causes no error', async (_, bytes) => {
    const { client, server } = await sent(bytes, response => {
      // The first header of a stream, or all of an answer: nothing of it is sent yet.
      for (const method of ['setHeader', 'writeHead'] as const)
        response[method] = (...head: unknown[]) => {
          response.socket?.destroy();
          return Object.getPrototypeOf(response)[method].apply(response, head) as ServerResponse;
        };
    });
    await expectOneLine(true);
    expect(server.destroyed).toBe(true);
    client.destroy();
  });

  it('a client that hangs up in the middle of a body is counted as aborted, and not as a mistake', async () => {
    const { client, server } = await sent(
      `POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2000\r\n\r\n{"query":`,
    );
    client.resetAndDestroy();
    await promptly(new Promise(resolve => server.once('close', resolve)), 'The server has not noticed.');
    const [line] = await log.requests(1);
    expect(line).toMatchObject({ level: 30, method: 'POST', path: '/graphql', aborted: true });
    expect(line).not.toHaveProperty('errorCodes');
    expect(log.lines()).toEqual([line]);
  });

  it('a request whose client hangs up is counted as aborted, and not as successful', async () => {
    const before = await scrape(api.metricsUrl);
    const { client, server } = await sent(long);
    server.destroy();
    client.destroy();
    await log.requests(1);
    const grown = growthOf(before, await scrape(api.metricsUrl));
    expect(grown).toMatchObject({
      'rollcall_http_requests_aborted_total{route="/graphql"}': 1,
      'rollcall_graphql_requests_total{operation="courses",type="query",outcome="aborted"}': 1,
    });
    expect(Object.keys(grown).filter(series => series.startsWith('rollcall_graphql_errors'))).toEqual([]);
  });

  it('a client that hangs up from a stream of events ends its subscription successfully', async () => {
    const before = await scrape(api.metricsUrl);
    const { client, server } = await sent(events);
    server.destroy();
    client.destroy();
    await log.requests(1);
    expect(growthOf(before, await scrape(api.metricsUrl))).toMatchObject({
      'rollcall_http_requests_aborted_total{route="/graphql/stream"}': 1,
      'rollcall_graphql_requests_total{operation="courseCountsChanged",type="subscription",outcome="ok"}': 1,
    });
  });
});
