import { fastify } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { refuseInGraphqlShape } from '../../src/http/answers/refusals.js';
import { requestIdOf } from '../../src/http/observability/request-id.js';
import { requestLog } from '../../src/http/observability/request-log.js';
import { followRequests } from '../../src/http/observability/request-record.js';
import { Role } from '../../src/entities/index.js';
import { addCourse, addUser, startApi, type Api } from '../support/api.js';
import { waitUntil } from '../support/wait.js';
import { describeOnEach, describeOnServers } from '../support/databases.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { keptLog, type KeptLog } from '../support/log-lines.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const number = expect.any(Number) as number;

describeOnEach('the log of requests', kind => {
  let log: KeptLog;
  let api: Api;

  beforeEach(async () => {
    log = keptLog();
    api = await startApi(kind, { logger: log.logger });
    log.clear();
  });
  afterEach(() => api.stop());

  const post = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(api.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  it('the log has one line for an operation: what it was, its viewer, how long it took and how it ended', async () => {
    const student = await addUser(api.database, Role.STUDENT);
    const course = await addCourse(api.database, { capacity: 1 });
    const query =
      'mutation Join($id: ID!) { enroll(input: { courseId: $id }) { userErrors { message } } again: enroll(input: { courseId: $id }) { userErrors { message } } }';
    await api.send(await api.token(Role.STUDENT, student), query, { id: course });
    const lines = await log.requests(1);
    expect(lines).toEqual([
      {
        level: 30,
        time: number,
        pid: number,
        hostname: expect.any(String) as string,
        msg: 'request',
        requestId: expect.stringMatching(UUID) as string,
        method: 'POST',
        path: '/graphql',
        status: 200,
        durationMs: number,
        operationType: 'mutation',
        operationName: 'Join',
        operation: 'enroll',
        viewerId: student,
        viewerRole: 'student',
        errors: 0,
        userErrors: 1,
        userErrorCodes: ['ALREADY_ENROLLED'],
      },
    ]);
    expect(log.lines()).toHaveLength(1);
  });

  it('the log of a request shows how many errors there were and each of their codes once', async () => {
    await api.send(null, '{ a: course(id: "x") { id } b: course(id: "y") { id } enrollments { totalCount } }');
    const [line] = await log.requests(1);
    expect(line).toMatchObject({
      level: 30,
      operationType: 'query',
      operation: 'several',
      errors: 3,
      errorCodes: ['BAD_USER_INPUT', 'UNAUTHENTICATED'],
      userErrors: 0,
    });
    expect(line).not.toHaveProperty('viewerId');
    expect(line).not.toHaveProperty('operationName');
  });

  it('the log has the codes of requests that never became an operation', async () => {
    await post({ query: '{ courses {' });
    await post({ query: '{ nothing }' });
    await post({});
    await post({ query: '{ me { id } }' }, { authorization: 'Bearer no-token' });
    await fetch(api.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' });
    await fetch(new URL('/nowhere?x=1', api.url));
    const lines = await log.requests(6);
    expect(lines.map(({ path, status, errorCodes, operation }) => [path, status, errorCodes, operation])).toEqual([
      ['/graphql', 200, ['GRAPHQL_PARSE_FAILED'], undefined],
      ['/graphql', 200, ['GRAPHQL_VALIDATION_FAILED'], undefined],
      ['/graphql', 400, ['BAD_REQUEST'], undefined],
      ['/graphql', 401, ['UNAUTHENTICATED'], undefined],
      ['/graphql', 400, ['BAD_REQUEST'], undefined],
      ['/nowhere', 404, ['NOT_FOUND'], undefined],
    ]);
  });

  it('the log names a request by the id that it came with, if that is sane, and every answer returns the id', async () => {
    const idOf = async (given: string | null, path = '/graphql') =>
      (
        await fetch(new URL(path, api.url), {
          method: 'POST',
          headers: given === null ? {} : { 'x-request-id': given },
        })
      ).headers.get('x-request-id');
    expect(await idOf('trace-1.a_b:c/d=+')).toBe('trace-1.a_b:c/d=+');
    expect(await idOf('trace-2', '/nowhere')).toBe('trace-2');
    for (const insane of ['', 'two words', 'a\ttab', '\u00e9\u0080', 'ada@example.org', 'x'.repeat(101), '<script>'])
      expect(await idOf(insane), insane).toMatch(UUID);
    expect(await idOf(null)).not.toBe(await idOf(null));
    expect((await log.requests(11)).slice(0, 2).map(({ requestId }) => requestId)).toEqual([
      'trace-1.a_b:c/d=+',
      'trace-2',
    ]);
  });

  it('the log has an unknown error in full under its errorId and the id of its request', async () => {
    const student = await addUser(api.database, Role.STUDENT);
    const course = await addCourse(api.database);
    await api.database.em.getConnection().execute('drop table core_enrollments');
    const response = await post(
      { query: `mutation { enroll(input: { courseId: ${course} }) { course { id } } }` },
      { authorization: `Bearer ${await api.token(Role.STUDENT, student)}`, 'x-request-id': 'broken-1' },
    );
    const { errors } = (await response.json()) as { errors: { message: string }[] };
    await log.requests(1);
    const [error, request] = log.lines();
    expect(error).toMatchObject({
      level: 50,
      requestId: 'broken-1',
      errorId: /[0-9a-f-]{36}/.exec(errors[0]!.message)![0],
      err: { message: expect.stringContaining('core_enrollments'), stack: expect.stringContaining('at ') },
    });
    expect(request).toMatchObject({
      level: 40,
      requestId: 'broken-1',
      status: 200,
      errors: 1,
      errorCodes: ['INTERNAL_SERVER_ERROR'],
    });
  });

  it('the log distinguishes requests that are served at once', async () => {
    await addCourse(api.database);
    await api.database.em.getConnection().execute('drop table core_enrollments');
    const ids = Array.from({ length: 30 }, (_, index) => `at-once-${index}`);
    const told = await Promise.all(
      ids.map(async id => {
        const response = await post(
          { query: `query Q { courses { nodes { enrollmentsCount { count } } } }` },
          { 'x-request-id': id },
        );
        const { errors } = (await response.json()) as { errors: { message: string }[] };
        return [id, /[0-9a-f-]{36}/.exec(errors[0]!.message)![0]];
      }),
    );
    const requests = await log.requests(30);
    expect(requests.map(({ requestId, errors }) => [requestId, errors]).toSorted()).toEqual(
      ids.map(id => [id, 1]).toSorted(),
    );
    expect(
      log
        .lines()
        .filter(({ errorId }) => errorId)
        .map(({ requestId, errorId }) => [requestId, errorId])
        .toSorted(),
    ).toEqual(told.toSorted());
  });

  it('the log leaves out files of a page that were found', async () => {
    const load = () =>
      Promise.all(
        ['/explorer', '/explorer/main.js', '/explorer/styles.css', '/explorer/nothing.js'].map(async path =>
          (await fetch(new URL(path, api.url))).arrayBuffer(),
        ),
      );
    const logged = async (count: number) =>
      (await log.requests(count)).map(({ level, path, status }) => [level, path, status]).toSorted();
    await load();
    expect(await logged(2)).toEqual([
      [30, '/explorer', 200],
      [30, '/explorer/nothing.js', 404],
    ]);
    log.clear();
    log.logger.level = 'debug';
    await load();
    expect(await logged(4)).toEqual([
      [20, '/explorer/*', 200],
      [20, '/explorer/*', 200],
      [30, '/explorer', 200],
      [30, '/explorer/nothing.js', 404],
    ]);
  });

  it('the log leaves out polling, and at the level warn all but the requests that failed because of the server', async () => {
    const paths = ['/healthz', '/metrics', '/readyz'];
    const poll = async (id: string): Promise<void> => {
      for (const path of paths) await (await fetch(new URL(path, api.url), { headers: { 'x-request-id': id } })).text();
    };
    // By their ids, because the lines of the first three may arrive when debug is already on.
    const polled = () =>
      log
        .lines()
        .filter(({ requestId }) => requestId === 'second')
        .map(({ level, path }) => [level, path])
        .toSorted();
    await poll('first');
    await api.send(null, '{ courses { totalCount } }');
    expect((await log.requests(1)).map(({ path }) => path)).toEqual(['/graphql']);
    log.logger.level = 'debug';
    await poll('second');
    await waitUntil(() => polled().length >= paths.length, 'Polling is not in the log.');
    expect(polled()).toEqual(paths.map(path => [20, path]));
    log.clear();
    log.logger.level = 'warn';
    await api.send(null, '{ course(id: "x") { id } }');
    await api.database.em.getConnection().execute('drop table core_enrollments');
    await addCourse(api.database);
    await api.send(null, '{ courses { nodes { enrollmentsCount { count } } } }');
    expect((await log.requests(1)).map(({ level, errorCodes }) => [level, errorCodes])).toEqual([
      [40, ['INTERNAL_SERVER_ERROR']],
    ]);
  });

  it('the log shortens what clients choose', async () => {
    await api.send(null, `query ${'N'.repeat(255)} { courses { totalCount } }`);
    await fetch(new URL(`/${'p'.repeat(5000)}`, api.url));
    const lines = await log.requests(2);
    expect([(lines[0]!['operationName'] as string).length, (lines[1]!['path'] as string).length]).toEqual([100, 100]);
  });
});

describeOnServers('the log of requests', kind => {
  it('the log has a line for a request whose client has left and whose work is stopped, and no error', async () => {
    const log = keptLog();
    const api = await startApi(kind, { logger: log.logger });
    const student = await addUser(api.database, Role.STUDENT);
    const course = await addCourse(api.database);
    const holder = api.database.em.fork();
    await holder.begin();
    await holder.execute('update core_course set capacity = 10 where id = ?', [course], 'run');
    const leaving = new AbortController();
    const headers = {
      'content-type': 'application/json',
      authorization: `Bearer ${await api.token(Role.STUDENT, student)}`,
    };
    const answer = fetch(api.url, {
      method: 'POST',
      headers,
      signal: leaving.signal,
      body: JSON.stringify({ query: `mutation { enroll(input: { courseId: ${course} }) { userErrors { code } } }` }),
    });
    await untilLockWaits(api.database);
    leaving.abort();
    await expect(answer).rejects.toThrow();
    // The lock is still held: nothing waits for it any more.
    expect(await log.requests(1)).toMatchObject([
      { level: 30, aborted: true, operation: 'enroll', errors: 0, userErrors: 0 },
    ]);
    expect(log.lines().filter(({ msg, level }) => msg === 'request' || level > 30)).toHaveLength(1);
    await holder.rollback();
    await api.stop();
  });
});

it('the log of requests has an unexpected error before GraphQL in full', async () => {
  const log = keptLog();
  const app = fastify({ genReqId: requestIdOf });
  followRequests(app, log.logger, [requestLog(log.logger)]);
  refuseInGraphqlShape(app);
  app.get('/', () => Promise.reject(new Error('broken')));
  expect((await app.inject({ url: '/', headers: { 'x-request-id': 'broken-2' } })).statusCode).toBe(500);
  const [request] = await log.requests(1);
  expect(request).toMatchObject({
    level: 40,
    requestId: 'broken-2',
    status: 500,
    errorCodes: ['INTERNAL_SERVER_ERROR'],
  });
  expect(log.lines()[0]).toMatchObject({
    level: 50,
    requestId: 'broken-2',
    err: { message: 'broken', stack: expect.stringContaining('at ') as string },
  });
  await app.close();
});
