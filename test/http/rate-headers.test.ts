import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addUser, anyLoad, startApi, type Api } from '../support/api.js';
import { promptly } from '../support/wait.js';
import { answerToBytes, readReply, type RawReply } from '../support/raw-http.js';

const HOST = 'host: localhost\r\n';
const END = `${HOST}connection: close\r\n\r\n`;
const PREFLIGHT_FREE = `apollo-require-preflight: 1\r\n${END}`;
const UPGRADE = 'upgrade: websocket\r\nconnection: upgrade\r\n';
const KEY = 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n';

const POINTS = 1_000_000;
/** A window that does not end while the tests run. */
const env = { RATE_LIMIT: `${POINTS}/3600`, RATE_LIMIT_SIGNED_IN: `${POINTS}/3600` };

const post = (body: string, headers = '', path = '/graphql', end = END): string =>
  `POST ${path} HTTP/1.1\r\ncontent-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n${end}${body}`;
const asked = (query: string, headers = ''): string => post(JSON.stringify({ query }), headers);
const STREAM = 'accept: text/event-stream\r\n';

/** Every kind of answer to an HTTP request: the bytes of the request, and the status. */
const answers: readonly [what: string, bytes: string, status: number][] = [
  ['a query', asked('{ courses { totalCount } }'), 200],
  ['a query by GET', `GET /graphql?query={__typename} HTTP/1.1\r\n${PREFLIGHT_FREE}`, 200],
  ['a query by HEAD', `HEAD /graphql?query={__typename} HTTP/1.1\r\n${PREFLIGHT_FREE}`, 405],
  ['an error of a field', asked('{ users { totalCount } }'), 200],
  ['a query that is no GraphQL', asked('{', 'accept: application/graphql-response+json\r\n'), 400],
  [
    'a hash that is not known',
    `GET /graphql?extensions={"persistedQuery":{"version":1,"sha256Hash":"${'a'.repeat(64)}"}} HTTP/1.1\r\n${PREFLIGHT_FREE}`,
    200,
  ],
  ['a query by GET without a preflight', `GET /graphql?query={__typename} HTTP/1.1\r\n${END}`, 400],
  [
    'a mutation by GET',
    `GET /graphql?query=mutation{deleteUser(input:{id:1}){userErrors{code}}} HTTP/1.1\r\n${PREFLIGHT_FREE}`,
    405,
  ],
  ['a body that is no JSON', post('{'), 400],
  ['a body of another type', `POST /graphql HTTP/1.1\r\ncontent-type: text/plain\r\ncontent-length: 1\r\n${END}x`, 415],
  ['a compressed body', post('x', 'content-encoding: gzip\r\n'), 415],
  [
    'a body that is too large',
    `POST /graphql HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 2000000\r\n${END}`,
    413,
  ],
  ['a token that proves nothing', asked('{ __typename }', 'authorization: Bearer x.y.z\r\n'), 401],
  ['a header that came twice', `GET /graphql HTTP/1.1\r\n${HOST}${END}`, 400],
  ['an expectation that cannot be met', post('{}', 'expect: 200-ok\r\n'), 417],
  ['a path at which there is nothing', `GET /nothing HTTP/1.1\r\n${END}`, 404],
  ['a path that is not UTF-8', `GET /%ff HTTP/1.1\r\n${END}`, 400],
  ['a method that the path does not take', `DELETE /graphql HTTP/1.1\r\n${END}`, 405],
  ['a tunnel', `CONNECT example.org:443 HTTP/1.1\r\n${END}`, 405],
  ['what is allowed', `OPTIONS /graphql HTTP/1.1\r\n${END}`, 204],
  [
    'what a page may send',
    `OPTIONS /graphql HTTP/1.1\r\norigin: http://localhost:5173\r\naccess-control-request-method: POST\r\n${END}`,
    204,
  ],
  ['the page for exploring', `GET /graphql HTTP/1.1\r\naccept: text/html\r\n${END}`, 200],
  ['the page that needs no network', `GET /explorer HTTP/1.1\r\n${END}`, 200],
  ['a file of it', `GET /explorer/styles.css HTTP/1.1\r\n${END}`, 200],
  ['a missing file of that page', `GET /explorer/nothing.js HTTP/1.1\r\n${END}`, 404],
  [
    'a file of it under a condition',
    `GET /explorer/styles.css HTTP/1.1\r\nif-unmodified-since: Mon, 01 Jan 1990 00:00:00 GMT\r\n${END}`,
    412,
  ],
  ['events without saying so', `GET /graphql/stream HTTP/1.1\r\n${END}`, 406],
  [
    'events of a foreign page',
    `GET /graphql/stream HTTP/1.1\r\n${STREAM}origin: https://elsewhere.example\r\n${END}`,
    403,
  ],
  [
    'events of what is no subscription',
    post(JSON.stringify({ query: '{ __typename }' }), STREAM, '/graphql/stream'),
    200,
  ],
  [
    'a WebSocket of a foreign page',
    `GET /graphql HTTP/1.1\r\n${HOST}${UPGRADE}${KEY}origin: https://elsewhere.example\r\n\r\n`,
    403,
  ],
  ['a WebSocket without a key', `GET /graphql HTTP/1.1\r\n${HOST}${UPGRADE}sec-websocket-version: 13\r\n\r\n`, 400],
];

const told = {
  'ratelimit-policy': `"address";q=${POINTS};w=3600;qu="points"`,
  ratelimit: expect.stringMatching(/^"address";r=\d+;t=\d+$/) as string,
};

describe('the headers with the rest of a rate limit', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi('sqlite', { env: { ...env, EXPLORER: 'on' } });
  });
  afterAll(() => api.stop());

  it.each(answers)('the rate limit headers are on the answer to %s', async (_, bytes, status) => {
    const { status: got, headers } = await answerToBytes(api.url, bytes);
    expect([got, headers]).toEqual([status, expect.objectContaining(told)]);
  });

  it('the rate limit headers are on an answer with 304', async () => {
    const get = (headers = ''): string =>
      `GET /graphql?query={courses{totalCount}} HTTP/1.1\r\n${headers}${PREFLIGHT_FREE}`;
    const { etag } = (await answerToBytes(api.url, get())).headers;
    expect(await answerToBytes(api.url, get(`if-none-match: ${etag}\r\n`))).toMatchObject({
      status: 304,
      headers: told,
    });
  });

  it('the rate limit headers are on the answer to a body that cannot be read completely', async () => {
    const head = `POST /graphql HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n${END}`;
    const { isBegun, end } = begun(api.url, `${head}ZZ\r\n`, head.length);
    await isBegun;
    await answerToBytes(api.url, `GET /healthz HTTP/1.1\r\n${END}`);
    expect(await end()).toMatchObject({ status: 400, headers: told });
  });

  it.each(['/healthz', '/readyz', '/metrics'])(
    'the rate limit headers are not on the answer to %s, which costs nothing',
    async path => {
      const { status, headers } = await answerToBytes(api.url, `GET ${path} HTTP/1.1\r\n${END}`);
      expect([status, headers['ratelimit'], headers['ratelimit-policy']]).toEqual([200, undefined, undefined]);
    },
  );

  it('the rate limit headers are not on the answer to bytes that are not a request, whose client is unknown', async () => {
    const { status, headers } = await answerToBytes(api.url, 'no HTTP at all\r\n\r\n');
    expect([status, headers['ratelimit']]).toEqual([400, undefined]);
  });

  it('the rate limit headers are on a rejection because of the rate, and because of the load', async () => {
    const [used, busy] = [
      await startApi('sqlite', { env: { RATE_LIMIT: '100/3600' } }),
      await startApi('sqlite', { env, thresholds: { ...anyLoad, isOverloaded: { ask: () => true, everyMs: 60_000 } } }),
    ];
    onTestFinished(async () => {
      await used.stop();
      await busy.stop();
    });
    expect(await answerToBytes(used.url, asked('{ __typename }'))).toMatchObject({
      status: 429,
      headers: { ratelimit: expect.stringContaining('"address";r=0;') as string },
    });
    expect(await answerToBytes(busy.url, asked('{ __typename }'))).toMatchObject({ status: 503, headers: told });
    expect(await answerToBytes(busy.url, `GET /graphql HTTP/1.1\r\n${HOST}${UPGRADE}${KEY}\r\n`)).toMatchObject({
      status: 503,
      headers: told,
    });
  });

  it('the rate limit headers are on the answers of a stopping server, with a token too, which is no longer checked', async () => {
    const own = await startApi('sqlite', { env });
    const token = await own.token(Role.STUDENT, await addUser(own.database, Role.STUDENT));
    // These are begun before, or the server would have closed the connections by then.
    const late = [
      asked('{ __typename }', `authorization: Bearer ${token}\r\n`),
      `GET /graphql HTTP/1.1\r\n${HOST}${UPGRADE}${KEY}\r\n`,
    ].map(bytes => begun(own.url, bytes));
    await Promise.all(late.map(({ isBegun }) => isBegun));
    await answerToBytes(own.url, `GET /healthz HTTP/1.1\r\n${END}`);
    const looks = own.statements(async () => {
      const stopped = own.stop();
      for (const { end } of late) expect(await end()).toMatchObject({ status: 503, headers: told });
      await stopped;
    });
    expect(await looks).toEqual([]);
  });
});

/** Begins to send a request; `end` sends the rest and returns its answer. */
function begun(
  url: string,
  bytes: string,
  first = 20,
): { readonly isBegun: Promise<unknown>; end: () => Promise<RawReply> } {
  const { hostname, port } = new URL(url);
  let all = '';
  const socket = connect({ host: hostname, port: Number(port) });
  socket.setEncoding('utf8').on('data', part => (all += String(part)));
  const isBegun = once(socket, 'connect').then(
    () => new Promise<void>(resolve => socket.write(bytes.slice(0, first), () => resolve())),
  );
  return {
    isBegun,
    async end() {
      socket.write(bytes.slice(first));
      await promptly(once(socket, 'end'), `The server did not end the connection. It said: ${all}`);
      return readReply(all);
    },
  };
}
