import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Random } from '../../../src/tools/sample-data/random.js';
import { promptly } from '../../support/wait.js';
import { bytesOf, type HostileBody } from '../../support/hostile-requests.js';

/**
 * The answer to a hostile request: the HTTP status, or null for a WebSocket; the code that closed the socket, or null;
 * and the results.
 */
export interface HostileAnswer {
  readonly status: number | null;
  readonly closed: number | null;
  readonly text: string;
  readonly results: readonly unknown[];
}

/** A way to send a hostile request. */
export type Way = (url: string, token: string | null, body: HostileBody, random: Random) => Promise<HostileAnswer>;

const bearer = (token: string | null): Record<string, string> =>
  token === null ? {} : { authorization: `Bearer ${token}` };

/** Content types and other headers that a client has no reason to send. */
const oddHeaders: readonly Record<string, string>[] = [
  { 'content-type': 'text/plain' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'multipart/form-data; boundary=x' },
  { 'content-type': 'application/graphql' },
  { accept: 'text/html' },
  { accept: 'multipart/mixed; deferSpec=20220824' },
  { accept: '*/*;q=0' },
  { 'accept-encoding': 'br;q=7, zstd, x' },
  { 'if-none-match': '*, W/"x' },
  { authorization: 'Bearer' },
  { authorization: 'Basic YTpi' },
  { origin: 'https://elsewhere.example' },
  { 'x-forwarded-for': "'; drop table core_course; --" },
  { 'content-encoding': 'gzip' },
  { traceparent: '00-zz-01' },
  { 'x-request-id': '{"a":1}\t%0a' },
  { 'graphql-cost-debug': '1' },
];

async function read(response: Response): Promise<HostileAnswer> {
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const text = isStream ? await firstEvent(response) : await response.text();
  const parts = isStream ? [...text.matchAll(/^data: ?(.+)$/gm)].map(([, data]) => data!) : text === '' ? [] : [text];
  return { status: response.status, closed: null, text, results: parts.map(part => JSON.parse(part) as unknown) };
}

/** Reads a stream of events until its first result, or to its end; a stream that goes on has no complete answer. */
async function firstEvent({ body }: Response): Promise<string> {
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; ;) {
    const { done, value } = await promptly(reader.read(), `The stream has said nothing after: ${text}`);
    if (!done) text += value;
    if (!done && !/^data: .+\n\n/m.test(text)) continue;
    await reader.cancel();
    return text;
  }
}

function addressOf(url: string, { query, variables, operationName, extensions }: HostileBody): string {
  const parts = Object.entries({ query, variables, operationName, extensions }).filter(
    ([, value]) => value !== undefined,
  );
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed();
  return `${url}?${String(new URLSearchParams(parts.map(([name, value]): [string, string] => [name, text(value)])))}`;
}

function post(path: string, accept: string): Way {
  return async (url, token, body, random) =>
    read(
      await fetch(url + path, {
        method: random.chance(0.02) ? random.pick(['PUT', 'DELETE', 'PATCH', 'OPTIONS']) : 'POST',
        headers: {
          'content-type': 'application/json',
          accept,
          ...bearer(token),
          ...(random.chance(0.15) && random.pick(oddHeaders)),
        },
        body: new Uint8Array(bytesOf(body, random)),
      }),
    );
}

function get(path: string, accept: string): Way {
  return async (url, token, body, random) =>
    read(
      await fetch(addressOf(url + path, body), {
        headers: {
          accept,
          ...(random.chance(0.9) && { 'apollo-require-preflight': '1' }),
          ...bearer(token),
          ...(random.chance(0.15) && random.pick(oddHeaders)),
        },
      }),
    );
}

/**
 * Sends a subscribe message, sometimes out of the order of the protocol, and ends it after the first message about it.
 */
const webSocket: Way = async (url, token, body, random) => {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws');
  const texts: string[] = [];
  const closed = once(socket, 'close').then(([code]) => code as number);
  await promptly(once(socket, 'open'), 'The WebSocket has not opened.');
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer) => {
    texts.push(String(data));
    const { type } = JSON.parse(String(data)) as { type: string };
    if (['next', 'error', 'complete'].includes(type)) socket.close(1000);
  });
  const init = JSON.stringify({ type: 'connection_init', payload: bearer(token) });
  const subscribe = random.chance(0.9)
    ? JSON.stringify({ id: random.chance(0.95) ? 'one' : 7, type: 'subscribe', payload: body })
    : bytesOf(body, random);
  const ping = Buffer.from(
    JSON.stringify({ type: random.pick(['ping', 'pong', 'complete', 'nothing']), id: 'two', payload: { a: 1 } }),
  );
  for (const message of random.pick([
    [init, subscribe],
    [init, subscribe],
    [init, subscribe],
    [init, ping, subscribe],
    [subscribe],
    [init, init],
    [init, subscribe, subscribe],
  ]))
    socket.send(message);
  const code = await promptly(closed, 'The WebSocket has got no answer.');
  return {
    status: null,
    closed: code,
    text: texts.join('\n'),
    results: texts
      .map(text => (JSON.parse(text) as { payload?: unknown }).payload)
      .filter(payload => payload !== undefined)
      .map(payload => (Array.isArray(payload) ? { errors: payload } : payload)),
  };
};

/** All ways to send a request of GraphQL. */
export const ways: Readonly<Record<string, Way>> = {
  'POST /graphql': post('', 'application/graphql-response+json'),
  'POST /graphql as application/json': post('', 'application/json'),
  'GET /graphql': get('', 'application/graphql-response+json'),
  'POST /graphql/stream': post('/stream', 'text/event-stream'),
  'GET /graphql/stream': get('/stream', 'text/event-stream'),
  'WebSocket /graphql': webSocket,
};
