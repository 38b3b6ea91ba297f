import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { openDatabase, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { Role } from '../../src/entities/index.js';
import { startServer, type RunningServer } from '../../src/http/server.js';
import { transactionRetries } from '../../src/transactions/transactions.js';
import { issueToken } from '../../src/access/tokens.js';
import { addCourse, addUser, storedAndActual } from '../support/api.js';
import { promptly, waitUntil } from '../support/wait.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { freePort } from '../support/free-port.js';
import { readReply, type RawReply } from '../support/raw-http.js';
import { expectExactCounts } from '../support/rows.js';

const enroll = (course: number): string =>
  `mutation { enroll(input: { courseId: ${course} }) { course { capacity totalEnrollments } userErrors { code } } }`;

describeOnEach('a server that closes', kind => {
  const leftovers: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const tidy of leftovers.splice(0).toReversed()) await tidy();
  });

  /**
   * Starts a server that this test closes itself; `other` is a second connection to its database, `errors` its logged
   * errors.
   */
  async function start(
    of: DatabaseKind,
    env: Record<string, string> = {},
  ): Promise<{
    server: RunningServer;
    database: Database;
    other: Database;
    token: (userId: number) => Promise<string>;
    errors: object[];
  }> {
    const { database, url, drop } = await freshDatabase(of);
    leftovers.push(drop);
    const other = await openDatabase(url);
    leftovers.push(() => other.close(true));
    const PORT = String(await freePort());
    const config = readConfig({ DATABASE_URL: url, PORT, HOST: '127.0.0.1', NODE_ENV: 'test', ...env });
    const errors: object[] = [];
    const server = await startServer({
      config,
      database,
      logger: pino({ level: 'error' }, { write: line => void errors.push(JSON.parse(line) as object) }),
    });
    leftovers.push(() => server.close());
    return {
      server,
      database,
      other,
      errors,
      token: userId => issueToken(config.jwt, { role: Role.STUDENT, userId, expiresIn: '1h' }),
    };
  }

  /** Adds a course and a student; another client holds the course until `holder` commits. */
  async function heldCourse(database: Database, other: Database) {
    const [course, student] = [await addCourse(database), await addUser(database, Role.STUDENT)];
    const holder = other.em.fork();
    await holder.begin();
    await holder.execute('update core_course set capacity = 10 where id = ?', [course], 'run');
    return { course, student, holder };
  }

  /**
   * Sends a mutation and returns when the server has the request, with the promise of the answer and the server's end
   * of the connection.
   */
  async function sendAndArrive(
    server: RunningServer,
    token: string,
    query: string,
    signal?: AbortSignal,
  ): Promise<{ answer: Promise<Response>; disconnected: Promise<unknown> }> {
    const { port } = new URL(server.url);
    const arrived = new Promise<Socket>(resolve => {
      const onRequest = (message: unknown) => {
        const { request } = message as { request: IncomingMessage };
        if (request.socket.localPort !== Number(port)) return;
        unsubscribe('http.server.request.start', onRequest);
        resolve(request.socket);
      };
      subscribe('http.server.request.start', onRequest);
    });
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const answer = fetch(server.url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query }),
      ...(signal && { signal }),
    });
    return { disconnected: once(await arrived, 'close'), answer };
  }

  const post = (query: string, bearer: string): string => {
    const body = JSON.stringify({ query });
    return `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer ${bearer}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  };

  /** Opens a connection for several requests at once. */
  async function pipeline({ url }: RunningServer): Promise<{
    readonly send: (requests: number, bytes: string) => Promise<void>;
    readonly answers: () => Promise<RawReply[]>;
    readonly leave: () => Promise<void>;
  }> {
    const port = Number(new URL(url).port);
    let all = '';
    const client = connect({ host: '127.0.0.1', port }).on('error', () => undefined);
    client.setEncoding('utf8').on('data', part => (all += String(part)));
    let served: Socket | undefined;
    return {
      async send(requests, bytes) {
        let arrived = 0;
        const onRequest = (message: unknown): void => {
          const { socket } = (message as { request: IncomingMessage }).request;
          if (socket.localPort !== port) return;
          served = socket;
          arrived += 1;
        };
        subscribe('http.server.request.start', onRequest);
        client.write(bytes);
        await waitUntil(() => arrived === requests, 'The requests have not arrived.');
        unsubscribe('http.server.request.start', onRequest);
      },
      async answers() {
        await promptly(once(client, 'end'), `The server did not end the connection. It said: ${all}`);
        return all.split(/(?=HTTP\/1\.1 )/).map(readReply);
      },
      async leave() {
        const closed = new Promise(resolve => served!.once('close', resolve));
        client.resetAndDestroy();
        await closed;
      },
    };
  }

  /** Requests /healthz on new connections until one is rejected; returns the code of the error. */
  async function untilRefused(server: RunningServer): Promise<string> {
    for (;;) {
      try {
        await (await fetch(new URL('/healthz', server.url), { headers: { connection: 'close' } })).text();
      } catch (error) {
        const { code } = (error as Error).cause as { code: string };
        // The system accepts, and then resets, a connection at the very moment at which the server stops listening.
        if (code !== 'ECONNRESET' && code !== 'UND_ERR_SOCKET') return code;
      }
    }
  }

  it('a closing server finishes the request in flight with its answer, and rejects new connections meanwhile', async () => {
    const { server, database, other, token } = await start(kind);
    const { course, student, holder } = await heldCourse(database, other);
    const { answer } = await sendAndArrive(server, await token(student), enroll(course));
    let closed = false;
    const closing = server.close().then(() => (closed = true));
    expect(await untilRefused(server)).toBe('ECONNREFUSED');
    expect(closed).toBe(false);
    await holder.commit();
    const response = await answer;
    // Otherwise the client would keep the connection and close() would wait for it, for over a minute.
    expect(response.headers.get('connection')).toBe('close');
    expect([response.status, await response.json()]).toEqual([
      200,
      { data: { enroll: { course: { capacity: 10, totalEnrollments: 1 }, userErrors: [] } } },
    ]);
    await closing;
    await expectExactCounts(database);
  });

  it('a closing server does not wait for the work of a disconnected client but stops it, and nothing is changed', async () => {
    const { server, database, other, token } = await start(kind);
    const { course, student, holder } = await heldCourse(database, other);
    const client = new AbortController();
    const { answer, disconnected } = await sendAndArrive(server, await token(student), enroll(course), client.signal);
    const failed = expect(answer).rejects.toThrow('aborted');
    client.abort();
    await Promise.all([failed, disconnected]);
    // Another client still holds the lock that the work waits for.
    expect(await server.close()).toBe(0);
    await holder.commit();
    expect(await storedAndActual(database)).toEqual([{ id: course, stored: [0, 0], actual: [0, 0] }]);
  });

  it('a closing server answers several requests on one connection in order, late ones with SERVER_STOPPING, and only the last answer says that it is the last', async () => {
    const { server, database, other, token } = await start(kind);
    const { course, student, holder } = await heldCourse(database, other);
    const bearer = await token(student);
    const client = await pipeline(server);
    await client.send(
      3,
      post(enroll(course), bearer) + post('{ __typename }', bearer) + 'GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n',
    );
    const closing = server.close();
    await client.send(2, post('{ __typename }', bearer) + post(enroll(course), bearer));
    await holder.commit();
    const answers = await client.answers();
    expect(answers.map(({ status, headers }) => [status, headers['connection'] === 'close'])).toEqual([
      [200, false],
      [200, false],
      [404, false],
      [503, false],
      [503, true],
    ]);
    expect(JSON.parse(answers[0]!.body)).toMatchObject({
      data: { enroll: { course: { totalEnrollments: 1 }, userErrors: [] } },
    });
    for (const { body } of answers.slice(3))
      expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'SERVER_STOPPING' } }] });
    expect(await closing).toBe(0);
    await expectExactCounts(database);
  });

  it('a closing server does not wait for requests on one connection whose client has disconnected, and stops the work for each', async () => {
    const { server, database, other, token } = await start(kind);
    const { course, student, holder } = await heldCourse(database, other);
    const bearer = await token(student);
    const client = await pipeline(server);
    await client.send(3, post(enroll(course), bearer).repeat(3));
    let retries = 0;
    const count = (): void => void (retries += 1);
    transactionRetries.subscribe(count);
    await client.leave();
    // Another client still holds the lock that the work waits for, and the work is not tried again.
    expect([await server.close(), retries]).toEqual([0, 0]);
    transactionRetries.unsubscribe(count);
    await holder.commit();
    expect(await storedAndActual(database)).toEqual([{ id: course, stored: [0, 0], actual: [0, 0] }]);
  });

  it('a closing server aborts the requests that have not finished in time, logs how many and returns their number', async () => {
    const { server, database, other, token, errors } = await start(kind, { SHUTDOWN_TIMEOUT: '0' });
    const { course, student, holder } = await heldCourse(database, other);
    const { answer } = await sendAndArrive(server, await token(student), enroll(course));
    const cutOff = expect(answer).rejects.toThrow('fetch failed');
    expect(await server.close()).toBe(1);
    await cutOff;
    expect(errors).toMatchObject([{ requests: 1, seconds: 0 }]);
    await holder.commit();
    expect(await storedAndActual(database)).toEqual([{ id: course, stored: [0, 0], actual: [0, 0] }]);
  });

  it('a closing server does not wait for open, idle connections', async () => {
    const { server } = await start(kind);
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve, reject) => {
      get(new URL('/healthz', server.url), { agent }, response => response.resume().once('end', resolve)).once(
        'error',
        reject,
      );
    });
    expect(await server.close()).toBe(0);
    agent.destroy();
  });

  it('a closing server does not wait for connections without a request', async () => {
    const { server, errors } = await start(kind);
    const client = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port) }).on('error', () => undefined);
    await once(client, 'connect');
    // The server has accepted it once it has answered another one.
    await (await fetch(new URL('/healthz', server.url), { headers: { connection: 'close' } })).text();
    expect([await server.close(), errors]).toEqual([0, []]);
    client.destroy();
  });

  it('a server can be closed twice', async () => {
    const { server } = await start(kind);
    await Promise.all([server.close(), server.close()]);
    await server.close();
    expect(await untilRefused(server)).toBe('ECONNREFUSED');
  });
});
