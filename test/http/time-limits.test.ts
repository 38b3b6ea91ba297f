import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fastify } from 'fastify';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { openDatabase } from '../../src/database/database.js';
import { poolUse } from '../../src/database/connections/pool-use.js';
import { Role } from '../../src/entities/index.js';
import { startServer } from '../../src/http/server.js';
import { cutOffSlowReaders } from '../../src/http/limits/slow-readers.js';
import { issueToken } from '../../src/access/tokens.js';
import { addCourse, addUser, startApi, type Answer, type Api } from '../support/api.js';
import { promptly, waitUntil } from '../support/wait.js';
import { startBreakingProxy } from '../support/breaking-proxy.js';
import { describeOnEach, describeOnServers, freshDatabase } from '../support/databases.js';
import { protocols, subscribeBy } from '../support/live-clients.js';
import { keptLog, type KeptLog } from '../support/log-lines.js';
import { growthOf, scrape } from '../support/metrics.js';
import { breakTotals } from '../support/drift.js';
import { allRows, expectExactCounts } from '../support/rows.js';
import { polled } from '../support/recounts.js';
import { lockCoursesTable } from '../support/table-lock.js';

/** The error of a request that changed nothing. */
const TIMED_OUT = {
  message:
    'The request took longer than 1 s (REQUEST_TIMEOUT), so the work was stopped. Nothing was changed. Ask for less at once, or try again later.',
  extensions: { code: 'REQUEST_TIMEOUT' },
};

describeOnEach('a request that takes longer than REQUEST_TIMEOUT', kind => {
  let api: Api;
  let log: KeptLog;

  beforeEach(async () => {
    log = keptLog();
    api = await startApi(kind, { env: { REQUEST_TIMEOUT: '1' }, logger: log.logger });
  });
  afterEach(() => api.stop());

  const isIdle = async (): Promise<boolean> => (await poolUse(api.database)).active === 0;
  const admin = () => api.token(Role.ADMIN, null);

  it.each(['POST', 'GET'])(
    'a request that takes longer than REQUEST_TIMEOUT is answered with 504 and one error, and no part of an answer, by %s',
    async method => {
      const [student] = [await addUser(api.database, Role.STUDENT), await addCourse(api.database)];
      const token = await api.token(Role.STUDENT, student);
      // The token's user is looked up once before.
      await api.send(token, '{ me { id } }');
      await log.requests(1);
      log.clear();
      const before = await scrape(api.metricsUrl);
      const release = await lockCoursesTable(api.database, api.databaseUrl);
      const query = '{ me { id } courses { nodes { id } totalCount } }';
      const headers = {
        authorization: `Bearer ${token}`,
        accept: 'application/graphql-response+json',
        'content-type': 'application/json',
      };
      const answer =
        method === 'POST'
          ? await fetch(api.url, { method, headers, body: JSON.stringify({ query }) })
          : await fetch(`${api.url}?${new URLSearchParams({ query })}`, { headers });
      expect([answer.status, await answer.json(), answer.headers.get('cache-control')]).toEqual([
        504,
        { errors: [TIMED_OUT] },
        'no-store',
      ]);
      if (kind !== 'sqlite') await waitUntil(isIdle, 'A connection is not given back while the table is locked.');
      await release();
      expect(await log.requests(1)).toMatchObject([
        { level: 40, status: 504, errors: 1, errorCodes: ['REQUEST_TIMEOUT'] },
      ]);
      // None of it is an internal error.
      expect(log.lines().filter(({ level }) => level > 40)).toEqual([]);
      expect(growthOf(before, await scrape(api.metricsUrl))).toMatchObject({
        'rollcall_graphql_requests_total{operation="several",type="query",outcome="timeout"}': 1,
        'rollcall_graphql_errors_total{code="REQUEST_TIMEOUT"}': 1,
      });
    },
  );

  it('a request that waits for a lock for too long changes nothing and says so, and works once the lock is gone', async () => {
    const [course, student] = [await addCourse(api.database), await addUser(api.database, Role.STUDENT)];
    const other = await openDatabase(api.databaseUrl);
    const holder = other.em.fork();
    await holder.begin();
    await holder.execute('update core_course set capacity = 1 where id = ?', [course], 'run');
    const before = await allRows(api.database);
    const token = await admin();
    const enroll = (): Promise<Answer> =>
      api.send(
        token,
        `mutation { enroll(input: { courseId: ${course}, studentId: ${student} }) { course { totalEnrollments } userErrors { code } } }`,
      );
    expect(await enroll()).toEqual({ status: 504, errors: [TIMED_OUT] });
    await waitUntil(isIdle, 'A connection is not given back while the course is locked.');
    await holder.rollback();
    expect(await allRows(api.database)).toEqual(before);
    expect((await enroll()).data).toEqual({ enroll: { course: { totalEnrollments: 1 }, userErrors: [] } });
    await expectExactCounts(api.database);
    await other.close(true);
  });

  it('a request that takes too long does not end the run that it has started, and says that it is saved', async () => {
    const [course, send] = [
      await addCourse(api.database),
      async (query: string, variables?: object) => api.send(await admin(), query, variables),
    ];
    await breakTotals(api.database, [course]);
    // After each repair it rests for longer than the time limit of the request.
    const answer = await send(
      `mutation { recountEnrollments(input: { courseIds: [${course}], throttle: 3000 }) { run { id } } }`,
    );
    expect(answer).toMatchObject({
      status: 200,
      errors: [{ message: expect.stringContaining('is saved; read it again'), extensions: { code: 'READ_FAILED' } }],
    });
    expect(await polled(send, '1', ({ status }) => status !== 'RUNNING')).toMatchObject({
      status: 'SUCCEEDED',
      repaired: 1,
    });
    await expectExactCounts(api.database);
  });

  it.each(protocols)(
    'a first look of a subscription that takes too long is reported as such, by %s',
    async protocol => {
      await addCourse(api.database);
      const release = await lockCoursesTable(api.database, api.databaseUrl);
      const client = subscribeBy(protocol, api.url);
      expect(await client.next()).toMatchObject({ errors: [TIMED_OUT] });
      client.close();
      await release();
    },
  );

  it('a request ends when its client leaves: the connection is free, though what it waits for is still locked', async () => {
    const token = await admin();
    await addCourse(api.database);
    const slow = await startApi(kind, { env: { REQUEST_TIMEOUT: '600' }, logger: log.logger });
    onTestFinished(() => slow.stop());
    const release = await lockCoursesTable(slow.database, slow.databaseUrl);
    const { port } = new URL(slow.url);
    const body = JSON.stringify({ query: '{ courses { totalCount } }' });
    const socket = connect({ host: '127.0.0.1', port: Number(port) });
    socket.write(
      `POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const isWaiting = async (): Promise<boolean> => {
      const { active, waiting } = await poolUse(slow.database);
      return kind === 'sqlite' ? waiting > 0 : active > 0;
    };
    await waitUntil(isWaiting, 'The request does not wait.');
    socket.destroy();
    await waitUntil(async () => !(await isWaiting()), 'The request waits for nobody.');
    expect(await log.requests(1)).toMatchObject([{ level: 30, aborted: true, errors: 0 }]);
    await release();
  });
});

describeOnServers('a database that hangs', kind => {
  it('a request to a database that hangs is answered when its time ends, whether something was saved or not', async () => {
    const direct = await freshDatabase(kind);
    const url = new URL(direct.url);
    const proxy = await startBreakingProxy(Number(url.port));
    url.port = String(proxy.port);
    const config = readConfig({
      DATABASE_URL: url.href,
      HOST: '127.0.0.1',
      PORT: '0',
      NODE_ENV: 'test',
      REQUEST_TIMEOUT: '1',
    });
    const database = await openDatabase(url.href);
    const server = await startServer({ config, database, logger: pino({ level: 'silent' }) });
    onTestFinished(async () => {
      await server.close();
      proxy.breakAll();
      await waitUntil(
        async () => (await poolUse(database)).active === 0,
        'The connections that hung are not given back.',
      );
      await database.close(true);
      await proxy.close();
      await direct.drop();
    });
    const authorization = `Bearer ${await issueToken(config.jwt, { role: Role.ADMIN, userId: null, expiresIn: '1h' })}`;
    const ask = async (query: string): Promise<[number, object]> => {
      const answer = await fetch(server.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ query }),
      });
      return [answer.status, (await answer.json()) as object];
    };
    const create = (title: string) => ask(`mutation { createCourse(input: { title: "${title}" }) { course { id } } }`);
    proxy.freezeAfterCommit();
    const saved = await create('Saved');
    expect(saved).toMatchObject([
      200,
      {
        errors: [
          {
            message: expect.stringContaining('What this request changed before, if anything, is saved; read it again.'),
            extensions: { code: 'READ_FAILED' },
          },
        ],
      },
    ]);
    expect(await Promise.all([create('Not saved'), ask('{ courses { totalCount } }')])).toEqual([
      [504, { errors: [TIMED_OUT] }],
      [504, { errors: [TIMED_OUT] }],
    ]);
    expect(await direct.database.em.getConnection().execute('select title from core_course')).toEqual([
      { title: 'Saved' },
    ]);
  });
});

/**
 * Returns a connection that requests more than the system buffers from a server that gives clients a second, and the
 * server's end of it.
 */
async function askedForMuch(bytes: number): Promise<{ client: Socket; served: Socket }> {
  const app = fastify();
  cutOffSlowReaders(app, 1);
  app.get('/', () => 'x'.repeat(bytes));
  await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => app.close());
  const { port } = app.server.address() as { port: number };
  const accepted = once(app.server, 'connection') as Promise<[Socket]>;
  const client = connect({ host: '127.0.0.1', port }).on('error', () => undefined);
  onTestFinished(() => void client.destroy());
  client.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  const [served] = await accepted;
  return { client, served };
}

it('a client that does not read its answer is disconnected', async () => {
  const { served } = await askedForMuch(64 * 1024 * 1024);
  await promptly(once(served, 'close'), 'The connection is not closed.');
});

it('a client that reads its answer slowly and steadily gets all of it, however long that takes', async () => {
  const size = 24 * 1024 * 1024;
  const { client } = await askedForMuch(size);
  let read = 0;
  client.on('data', ({ length }: Buffer) => {
    read += length;
    client.pause();
    // The pauses of a slow connection; together they are longer than the time limit for a part of an answer.
    setTimeout(() => client.resume(), length / 4096);
  });
  await promptly(once(client, 'end'), 'The answer does not end.');
  expect(read).toBeGreaterThan(size);
});

it('a server disconnects a client that requests page after page and reads none', async () => {
  const log = keptLog('debug');
  const api = await startApi('sqlite', { env: { WRITE_TIMEOUT: '1' }, logger: log.logger });
  onTestFinished(() => api.stop());
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(api.url).port) }).on('error', () => undefined);
  socket.write(`GET /explorer/main.js HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(100));
  await log.until(({ path, aborted }) => path === '/explorer/*' && aborted === true);
  socket.destroy();
});
