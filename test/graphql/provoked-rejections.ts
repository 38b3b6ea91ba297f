import { once } from 'node:events';
import { connect } from 'node:net';
import { fastify } from 'fastify';
import { createClient } from 'graphql-ws';
import { pino } from 'pino';
import { readConfig } from '../../src/config/config.js';
import type { ErrorCode } from '../../src/graphql/errors/error-catalogue.js';
import { newHttpListener } from '../../src/http/listener.js';
import { MAX_BODY_BYTES, refuseInGraphqlShape } from '../../src/http/answers/refusals.js';
import { MAX_SUBSCRIPTIONS_OF_CONNECTION } from '../../src/live-counts/index.js';
import { Role } from '../../src/entities/index.js';
import { addCourse, anyLoad, startApi, type Api, type ApiOptions } from '../support/api.js';
import { answerToBytes, readReply } from '../support/raw-http.js';

/** The answer to a request: the text of its body, and the status, which messages of a subscription do not have. */
export interface Reply {
  readonly status: number | null;
  readonly text: string;
}

/** Sends one request to a server with the school of docs/ in its database. */
export type Ask = (api: Api) => Promise<Reply>;

/** The media type of answers whose status is meaningful. */
export const ACCEPT = { accept: 'application/graphql-response+json' };
const JSON_BODY = { ...ACCEPT, 'content-type': 'application/json' };

/** Sends a request by fetch. */
export async function fetchReply(url: string | URL, init?: RequestInit): Promise<Reply> {
  const answer = await fetch(url, init);
  return { status: answer.status, text: await answer.text() };
}

/** Returns a request to a path, with a body of JSON where there is one. */
export const at =
  (path: string, init: RequestInit = {}): Ask =>
  api =>
    fetchReply(new URL(path, api.url), { headers: init.body === undefined ? ACCEPT : JSON_BODY, ...init });

/** Returns the answer of a server to bytes on a connection of their own. */
export const bytes =
  (text: string): Ask =>
  async api => {
    const { status, body } = await answerToBytes(api.url, text);
    return { status, text: body };
  };

/** Lets a request time out on a server with the same answers and a very short time limit. */
async function tooSlow(): Promise<Reply> {
  const { app, follow } = newHttpListener(readConfig({ NODE_ENV: 'test' }), pino({ level: 'silent' }), {
    http: { headersTimeout: 1, connectionsCheckingInterval: 1, requireHostHeader: false },
  });
  follow([]);
  await app.listen({ host: '127.0.0.1', port: 0 });
  try {
    const { status, body } = await answerToBytes(
      `http://127.0.0.1:${(app.server.address() as { port: number }).port}`,
      'GET / HTTP/1.1\r\n',
    );
    return { status, text: body };
  } finally {
    await app.close();
  }
}

/** Begins a request, and ends it when the server has begun to stop. */
async function tooLate(): Promise<Reply> {
  const api = await startApi('sqlite');
  const { hostname, port } = new URL(api.url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  socket.write('GET /healthz HTTP/1.1\r\n');
  // Another request after it ensures that it has arrived.
  await fetchReply(new URL('/healthz', api.url));
  const stopped = api.stop();
  socket.write('host: localhost\r\n\r\n');
  let all = '';
  socket.setEncoding('utf8').on('data', part => (all += String(part)));
  await once(socket, 'end');
  await stopped;
  const { status, body } = readReply(all);
  return { status, text: body };
}

/** Returns the answer to an unexpected error outside GraphQL. */
export async function provokeUnexpectedError(): Promise<Reply> {
  const app = fastify();
  refuseInGraphqlShape(app);
  app.get('/', () => Promise.reject(new Error('no such table: secrets')));
  const { statusCode, body } = await app.inject('/');
  return { status: statusCode, text: body };
}

/** Opens one subscription more than a WebSocket takes. */
async function oneMore({ url }: Api): Promise<Reply> {
  const client = createClient({ url: url.replace('http', 'ws'), retryAttempts: 0 });
  const listen = () => client.iterate({ query: 'subscription { courseCountsChanged { courseId } }' }).next();
  await Promise.all(Array.from({ length: MAX_SUBSCRIPTIONS_OF_CONNECTION }, listen));
  const { value } = await listen();
  await client.dispose();
  return { status: null, text: JSON.stringify(value) };
}

/** Requests one more stream of events than a client of a small server may have. */
async function oneStreamMore(): Promise<Reply> {
  const small = await startApi('sqlite', { env: { MAX_SUBSCRIPTIONS: '5' } });
  await addCourse(small.database);
  const url = `${small.url}/stream?${new URLSearchParams({ query: 'subscription { courseCountsChanged { courseId } }' })}`;
  const leave = new AbortController();
  await fetch(url, { headers: { accept: 'text/event-stream' }, signal: leave.signal });
  const reply = await fetchReply(url, { headers: { accept: 'text/event-stream' } });
  leave.abort();
  await small.stop();
  return reply;
}

/** Returns the first message of a subscription by server-sent events. */
export const streamed =
  (query: string): Ask =>
  async api => {
    const { text } = await fetchReply(`${api.url}/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query }),
    });
    return { status: null, text: /^data: (.+)$/m.exec(text)![1]! };
  };

/** Sends a request to a server of its own. */
async function onItsOwn(options: ApiOptions, ask: (api: Api) => Promise<Reply>): Promise<Reply> {
  const api = await startApi('sqlite', options);
  try {
    return await ask(api);
  } finally {
    await api.stop();
  }
}

/** Sends one more request than a client has points for, signed in or not. */
const tooOften =
  (role: Role | null): Ask =>
  () =>
    onItsOwn({ env: { RATE_LIMIT: '1/3600', RATE_LIMIT_SIGNED_IN: '1/3600' } }, async api => {
      const token = role && (await api.token(role, null));
      await api.send(token, '{ __typename }');
      const { status, ...answer } = await api.send(token, '{ __typename }');
      return { status, text: JSON.stringify(answer) };
    });

/** Sends a request to an overloaded server. */
const whileOverloaded: Ask = () =>
  onItsOwn(
    { thresholds: { ...anyLoad, isOverloaded: { ask: () => true, everyMs: 60_000 } } },
    at('/graphql', { method: 'POST', body: '{}' }),
  );

/** Requests that are answered with each code that occurs before GraphQL or in subscriptions only. */
export const rejectedRequests = {
  NOT_FOUND: [at('/nowhere'), streamed('subscription { courseCountsChanged(courseIds: ["999"]) { courseId } }')],
  METHOD_NOT_ALLOWED: [
    at('/graphql', { method: 'PUT', body: '{}' }),
    at('/healthz', { method: 'POST' }),
    bytes('CONNECT example.org:443 HTTP/1.1\r\nhost: example.org\r\n\r\n'),
  ],
  REQUEST_TIMEOUT: [tooSlow],
  PAYLOAD_TOO_LARGE: [at('/graphql', { method: 'POST', body: `"${'x'.repeat(MAX_BODY_BYTES)}"` })],
  UNSUPPORTED_MEDIA_TYPE: [
    at('/graphql', { method: 'POST', body: '{}', headers: { ...ACCEPT, 'content-type': 'text/plain' } }),
    at('/graphql', { method: 'POST', body: new Uint8Array([123, 125]), headers: ACCEPT }),
  ],
  HEADERS_TOO_LARGE: [bytes(`GET /graphql?query=${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`)],
  SERVER_STOPPING: [tooLate],
  RATE_LIMITED: [tooOften(null), tooOften(Role.ADMIN)],
  OVERLOADED: [whileOverloaded],
  TOO_MANY_SUBSCRIPTIONS: [oneMore, oneStreamMore],
} satisfies Partial<Record<ErrorCode, readonly Ask[]>>;

/** The answer to bytes that are not HTTP. */
export const invalidHttp: Ask = bytes('\u0016\u0003\u0001 hello\r\n\r\n');
