import { once } from 'node:events';
import { METHODS } from 'node:http';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { securityHeaders } from '../../src/http/answers/browser-rules.js';
import { startApi, type Api } from '../support/api.js';
import { promptly } from '../support/wait.js';
import { keptLog, type KeptLog } from '../support/log-lines.js';
import { growthOf, scrape } from '../support/metrics.js';
import { answerToBytes, type RawReply } from '../support/raw-http.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const HOST = 'host: localhost\r\n';
const END = `${HOST}connection: close\r\n\r\n`;
const JSON_TYPE = 'content-type: application/json\r\n';
const UPGRADE = 'upgrade: websocket\r\nconnection: upgrade\r\n';
const KEY = 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n';

/** Requests that Fastify, a plugin of it, ws or Node would answer in their own form. */
const cases: [what: string, bytes: string, status: number, code: string, message: RegExp][] = [
  ['a path that is not UTF-8', `GET /%ff HTTP/1.1\r\n${END}`, 400, 'BAD_REQUEST', /The address \/%ff cannot be read/],
  [
    'such a path below one that there is',
    `POST /graphql/%ff HTTP/1.1\r\ncontent-length: 0\r\n${END}`,
    400,
    'BAD_REQUEST',
    /\/graphql\/%ff cannot be read/,
  ],
  [
    'such a path among the files of a page',
    `GET /explorer/%C3%28 HTTP/1.1\r\n${END}`,
    400,
    'BAD_REQUEST',
    /cannot be read/,
  ],
  ['a path with half an escape', `GET /a%2 HTTP/1.1\r\n${END}`, 400, 'BAD_REQUEST', /\/a%2 cannot be read/],
  ['a path with an escape of no digits', `DELETE /%zz?x=1 HTTP/1.1\r\n${END}`, 400, 'BAD_REQUEST', /cannot be read/],
  ['an address without a host', `GET http:// HTTP/1.1\r\n${END}`, 400, 'BAD_REQUEST', /http:\/\/ cannot be read/],
  [
    'a path out of the files of a page',
    `GET /explorer/../../etc/passwd HTTP/1.1\r\n${END}`,
    404,
    'NOT_FOUND',
    /nothing at \/explorer\/\.\./,
  ],
  ['such a path in escapes', `GET /explorer/%2e%2e%2f%2e%2e%2fetc HTTP/1.1\r\n${END}`, 404, 'NOT_FOUND', /nothing at/],
  ['a file whose name has a zero', `GET /explorer/%00 HTTP/1.1\r\n${END}`, 404, 'NOT_FOUND', /nothing at/],
  [
    'a file that there is not',
    `GET /explorer/nothing.js HTTP/1.1\r\n${END}`,
    404,
    'NOT_FOUND',
    /nothing at \/explorer\/nothing\.js/,
  ],
  [
    'a file with a name that is too long',
    `GET /explorer/${'a'.repeat(5000)} HTTP/1.1\r\n${END}`,
    404,
    'NOT_FOUND',
    /nothing at/,
  ],
  [
    'a file under a condition',
    `GET /explorer/styles.css HTTP/1.1\r\nif-unmodified-since: Mon, 01 Jan 1990 00:00:00 GMT\r\n${END}`,
    412,
    'BAD_REQUEST',
    /without If-Match/,
  ],
  ['TRACE', `TRACE /graphql HTTP/1.1\r\n${END}`, 405, 'METHOD_NOT_ALLOWED', /\/graphql does not accept TRACE/],
  [
    'CONNECT',
    'CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n',
    405,
    'METHOD_NOT_ALLOWED',
    /does not accept CONNECT/,
  ],
  [
    'QUERY without a type',
    `QUERY /graphql HTTP/1.1\r\ncontent-length: 0\r\n${END}`,
    405,
    'METHOD_NOT_ALLOWED',
    /does not accept QUERY/,
  ],
  [
    'a body that is no JSON, by a method that the path does not take',
    `DELETE /graphql HTTP/1.1\r\n${JSON_TYPE}content-length: 1\r\n${END}{`,
    405,
    'METHOD_NOT_ALLOWED',
    /does not accept DELETE/,
  ],
  ['a method that nobody knows', `FROB /graphql HTTP/1.1\r\n${END}`, 400, 'BAD_REQUEST', /not an HTTP\/1\.1 request/],
  [
    'what it expects, which HTTP does not know',
    `POST /graphql HTTP/1.1\r\nexpect: 200-ok\r\n${JSON_TYPE}content-length: 2\r\n${END}{}`,
    417,
    'BAD_REQUEST',
    /Expect is "200-ok"/,
  ],
  [
    'a body to an unknown path, once it is told to go on',
    `POST /nowhere HTTP/1.1\r\nexpect: 100-continue\r\n${JSON_TYPE}content-length: 2\r\n${END}{}`,
    404,
    'NOT_FOUND',
    /nothing at \/nowhere/,
  ],
  ['no Host', 'GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n', 400, 'BAD_REQUEST', /Host is ""/],
  ['two Hosts', `GET /healthz HTTP/1.1\r\n${HOST}${END}`, 400, 'BAD_REQUEST', /header host came more than once/],
  [
    'two tokens',
    `GET /healthz HTTP/1.1\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\n${END}`,
    400,
    'BAD_REQUEST',
    /header authorization came more than once/,
  ],
  [
    'headers that are too large',
    `GET /graphql?query=${'x'.repeat(20_000)} HTTP/1.1\r\n${END}`,
    431,
    'HEADERS_TOO_LARGE',
    /16384 bytes/,
  ],
  [
    'a header with a space in its name',
    `GET /graphql HTTP/1.1\r\nba d: x\r\n${END}`,
    400,
    'BAD_REQUEST',
    /not an HTTP\/1\.1 request/,
  ],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'BAD_REQUEST', /not an HTTP\/1\.1 request/],
  ['TLS', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003', 400, 'BAD_REQUEST', /encrypted/],
  [
    'a length that is no number',
    `POST /graphql HTTP/1.1\r\ncontent-length: abc\r\n${END}`,
    400,
    'BAD_REQUEST',
    /not an HTTP\/1\.1 request/,
  ],
  [
    'two lengths',
    `POST /graphql HTTP/1.1\r\n${JSON_TYPE}content-length: 2\r\ncontent-length: 3\r\n${END}{}}`,
    400,
    'BAD_REQUEST',
    /not an HTTP\/1\.1 request/,
  ],
  [
    'a length and chunks',
    `POST /graphql HTTP/1.1\r\n${JSON_TYPE}content-length: 2\r\ntransfer-encoding: chunked\r\n${END}0\r\n\r\n`,
    400,
    'BAD_REQUEST',
    /not an HTTP\/1\.1 request/,
  ],
  [
    'a chunk without a length',
    `POST /graphql HTTP/1.1\r\n${JSON_TYPE}transfer-encoding: chunked\r\n${END}ZZ\r\n{}\r\n0\r\n\r\n`,
    400,
    'BAD_REQUEST',
    /not an HTTP\/1\.1 request/,
  ],
  [
    'a chunk that is longer than it says',
    `POST /graphql HTTP/1.1\r\n${JSON_TYPE}transfer-encoding: chunked\r\n${END}2\r\n{}xx\r\n0\r\n\r\n`,
    400,
    'BAD_REQUEST',
    /not an HTTP\/1\.1 request/,
  ],
  [
    'a WebSocket without a key',
    `GET /graphql HTTP/1.1\r\n${HOST}${UPGRADE}sec-websocket-version: 13\r\n\r\n`,
    400,
    'BAD_REQUEST',
    /not a WebSocket request/,
  ],
  [
    'a WebSocket of an old version',
    `GET /graphql HTTP/1.1\r\n${HOST}${UPGRADE}${KEY.replace('13', '7')}\r\n`,
    400,
    'BAD_REQUEST',
    /not a WebSocket request/,
  ],
  [
    'a WebSocket by POST',
    `POST /graphql HTTP/1.1\r\n${HOST}${UPGRADE}${KEY}content-length: 0\r\n\r\n`,
    400,
    'BAD_REQUEST',
    /not a WebSocket request/,
  ],
  [
    'a WebSocket of a foreign page',
    `GET /graphql HTTP/1.1\r\n${HOST}${UPGRADE}${KEY}origin: https://elsewhere.example\r\n\r\n`,
    403,
    'FORBIDDEN',
    /elsewhere\.example" may not subscribe/,
  ],
  [
    'events without saying so',
    `GET /graphql/stream HTTP/1.1\r\n${END}`,
    406,
    'BAD_REQUEST',
    /Accept: text\/event-stream/,
  ],
];

describe('a request that Node would answer itself', () => {
  let log: KeptLog;
  let api: Api;

  beforeAll(async () => {
    log = keptLog();
    api = await startApi('sqlite', {
      logger: log.logger,
      env: {
        NODE_ENV: 'production',
        JWT_SECRET: 'a secret of this test, more than thirty-two bytes',
        METRICS: 'on',
        INTROSPECTION: 'on',
        EXPLORER: 'on',
      },
    });
  });
  afterAll(() => api.stop());
  beforeEach(() => log.clear());

  /** Asserts that an answer has everything that answers have, and returns its error. */
  function expectOurs({ headers, body }: RawReply): { code: string; message: string } {
    expect(headers).toMatchObject({
      ...securityHeaders({ production: true }),
      'cache-control': 'no-store',
      'content-type': 'application/json; charset=utf-8',
      'x-request-id': expect.stringMatching(UUID) as string,
    });
    const [error, ...others] = (JSON.parse(body) as { errors: { message: string; extensions: { code: string } }[] })
      .errors;
    expect(others).toEqual([]);
    return { code: error!.extensions.code, message: error!.message };
  }

  it.each(cases)(
    'a request that Node would answer itself is rejected in the form of all errors, with its headers, its log line and its metrics: %s',
    async (_, bytes, status, code, message) => {
      const before = await scrape(api.metricsUrl);
      const answer = await answerToBytes(api.url, bytes);
      expect([answer.status, expectOurs(answer)]).toEqual([
        status,
        { code, message: expect.stringMatching(message) as string },
      ]);
      const [line] = await log.requests(1);
      expect(line).toMatchObject({
        level: 30,
        requestId: answer.headers['x-request-id'],
        status,
        errors: 1,
        errorCodes: [code],
      });
      expect(line).not.toHaveProperty('aborted');
      expect(log.lines().filter(({ level, msg }) => level > 30 || msg === 'request')).toEqual([line]);
      const grown = growthOf(before, await scrape(api.metricsUrl));
      expect(Object.entries(grown).filter(([series]) => series.includes(`status="${status}"`))).toEqual([
        [expect.stringMatching(/^rollcall_http_requests_total/), 1],
      ]);
      expect(grown).toMatchObject({ [`rollcall_graphql_errors_total{code="${code}"}`]: 1 });
    },
  );

  it('a body that breaks off is rejected in the form of all errors while its client still listens', async () => {
    const answer = await answerToBytes(
      api.url,
      `POST /graphql HTTP/1.1\r\n${JSON_TYPE}content-length: 200\r\n${END}{`,
      { halfClosed: true },
    );
    expect([answer.status, expectOurs(answer).code]).toEqual([400, 'BAD_REQUEST']);
    expect(await log.requests(1)).toMatchObject([
      {
        requestId: answer.headers['x-request-id'],
        method: 'POST',
        path: '/graphql',
        status: 400,
        errorCodes: ['BAD_REQUEST'],
      },
    ]);
  });

  it('a rejected HEAD request is answered without a body', async () => {
    for (const path of ['/%ff', '/nowhere', '/graphql', '/graphql/stream', '/explorer/nothing']) {
      const { body, headers } = await answerToBytes(api.url, `HEAD ${path} HTTP/1.1\r\n${END}`);
      expect([path, body, headers['cache-control'], headers['content-security-policy']]).toEqual([
        path,
        '',
        'no-store',
        securityHeaders({ production: true })['content-security-policy'],
      ]);
    }
  });

  it('a rejection does not interrupt an answer that is under way: the connection ends', async () => {
    const { hostname, port } = new URL(api.url);
    const query = encodeURIComponent('subscription { courseCountsChanged { courseId } }');
    const socket = connect({ host: hostname, port: Number(port) }, () =>
      socket.write(`GET /graphql/stream?query=${query} HTTP/1.1\r\naccept: text/event-stream\r\n${HOST}\r\n`),
    );
    let all = '';
    socket.setEncoding('utf8').on('data', part => (all += String(part)));
    await promptly(once(socket, 'data'), 'The stream did not begin.');
    const closed = once(socket, 'close');
    socket.write('no HTTP at all\r\n\r\n');
    await promptly(closed, 'The connection did not end.');
    expect(all.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(all).not.toContain('errors');
    expect(await log.requests(1)).toMatchObject([{ path: '/graphql/stream', status: 200, aborted: true }]);
  });

  it('random methods, addresses, headers and bodies are rejected in the form of all errors', async () => {
    const part = fc.constantFrom(
      '/',
      'graphql',
      'stream',
      'explorer',
      'healthz',
      '%',
      '%2',
      '%ff',
      '%2F',
      '%c3%a9',
      '..',
      '.',
      '?',
      '#',
      ';',
      '*',
      'a',
      '\u00ff',
      '//',
      'http:',
      '@',
      '"',
      '<',
      '[',
    );
    const method = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...METHODS.filter(name => !['HEAD', 'CONNECT'].includes(name))) },
      fc.constantFrom('get', 'XYZ', 'G\u0000T', ''),
    );
    const header = fc.constantFrom(
      'accept: application/json',
      'expect: 1',
      'content-encoding: br',
      'content-type: text/plain',
      'content-type: application/json',
      'upgrade: h2c',
      'te: x',
      'origin: null',
      'x-request-id: <',
      'accept: *',
      'accept-version: 1',
      'range: bytes=5-1',
      'if-match: *',
      'bad',
      ': x',
      'access-control-request-method: PUT',
      'authorization: Basic x',
      'forwarded: x',
    );
    const body = fc.constantFrom(
      ['', ''],
      ['', 'more'],
      ['content-length: 2', '{}'],
      ['content-length: 2', 'x'],
      ['content-length: x', ''],
      ['transfer-encoding: chunked', '2\r\n{}\r\n0\r\n\r\n'],
      ['transfer-encoding: chunked', 'ZZ'],
      ['transfer-encoding: gzip', ''],
    );
    const request = fc.record({
      method,
      target: fc.array(part, { maxLength: 6 }).map(parts => `/${parts.join('')}`),
      headers: fc.uniqueArray(header, { maxLength: 4 }),
      body,
    });
    // The lines of polled routes that were answered are at this level.
    log.logger.level = 'debug';
    onTestFinished(() => void (log.logger.level = 'info'));
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(request, async ({ method: name, target, headers, body: [length = '', text = ''] }) => {
        log.clear();
        const answer = await answerToBytes(
          api.url,
          `${name} ${target} HTTP/1.1\r\n${[...headers, ...(length ? [length] : [])].map(one => `${one}\r\n`).join('')}${END}${text}`,
          // Otherwise the server waits for the rest of a body that it reads, for as long as a request may take.
          { halfClosed: length === 'content-length: 2' && text === 'x' },
        );
        const answered = log.requests(1);
        expect((await answered).map(({ status, requestId }) => [status, requestId])).toEqual([
          [answer.status, answer.headers['x-request-id']],
        ]);
        const { 'content-security-policy': policy, ...others } = securityHeaders({ production: true });
        expect(answer.headers).toMatchObject(others);
        // The page for exploring has a policy of its own, which its own tests check.
        if (!answer.headers['content-type']?.startsWith('text/html'))
          expect(answer.headers['content-security-policy']).toBe(policy);
        if (answer.status < 400) return;
        refused += 1;
        expectOurs({
          ...answer,
          headers: { ...answer.headers, 'x-request-id': '00000000-0000-0000-0000-000000000000' },
        });
        expect(log.lines().filter(({ level }) => level > 30)).toEqual([]);
      }),
      {
        numRuns: 400,
        examples: [
          [{ method: 'GET', target: '/explorer', headers: [], body: ['', ''] }],
          [{ method: 'GET', target: '/healthz', headers: [], body: ['', ''] }],
          [
            {
              method: 'POST',
              target: '/graphql',
              headers: ['content-type: application/json'],
              body: ['content-length: 2', 'x'],
            },
          ],
        ],
      },
    );
    expect(refused).toBeGreaterThan(200);
  });
});

it('a listener for the metrics alone answers as the API does', async () => {
  const log = keptLog();
  const api = await startApi('sqlite', { logger: log.logger, env: { METRICS: '127.0.0.1:0' } });
  const { origin } = new URL(api.metricsUrl!);
  log.clear();
  for (const [request, status, code] of [
    ['GET /nowhere', 404, 'NOT_FOUND'],
    ['POST /metrics', 405, 'METHOD_NOT_ALLOWED'],
    ['GET /%ff', 400, 'BAD_REQUEST'],
    ['NO', 400, 'BAD_REQUEST'],
  ] as const) {
    const {
      status: answered,
      headers,
      body,
    } = await answerToBytes(origin, `${request} HTTP/1.1\r\ncontent-length: 0\r\n${END}`);
    expect([answered, JSON.parse(body)]).toEqual([
      status,
      { errors: [{ message: expect.not.stringContaining('Route') as string, extensions: { code } }] },
    ]);
    expect(headers).toMatchObject({ ...securityHeaders({ production: false }), 'cache-control': 'no-store' });
  }
  expect((await log.requests(4)).map(({ status }) => status)).toEqual([404, 405, 400, 400]);
  expect((await answerToBytes(origin, `GET /nowhere HTTP/1.1\r\n${END}`)).body).toContain(
    'The metrics are at /metrics.',
  );
  await api.stop();
});
