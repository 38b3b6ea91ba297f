import { once } from 'node:events';
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { WebSocket, type ClientOptions } from 'ws';
import { promptly, waitUntil } from './wait.js';

const PROTOCOL = 'graphql-transport-ws';

/** A message of the protocol graphql-transport-ws. */
interface SocketMessage {
  readonly type: string;
  readonly id?: string;
  readonly payload?: { readonly errors?: readonly object[] } & Record<string, unknown>;
}

/** A connection by WebSocket, message by message. */
export interface RawSocket {
  readonly socket: WebSocket;
  /** Sends messages: objects as JSON, text and bytes as they are. */
  readonly send: (...messages: readonly (object | string | Buffer)[]) => void;
  /** Returns the next message. */
  readonly next: () => Promise<SocketMessage>;
  /** The number of received messages that were not read. */
  readonly waiting: number;
  /** The code with which it is closed, and the reason. */
  readonly closed: Promise<[code: number, reason: string]>;
}

/** Opens a connection without beginning it; `protocol` is the subprotocol. */
export async function openSocket(
  url: string,
  options: ClientOptions = {},
  protocol: string | string[] = PROTOCOL,
): Promise<RawSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'), protocol, options);
  const messages: SocketMessage[] = [];
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(String(data)) as SocketMessage));
  const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)] as [number, string]);
  // If it does not even open, the caller that waits for it fails.
  closed.catch(() => undefined);
  await once(socket, 'open');
  socket.on('error', () => undefined);
  return {
    socket,
    send: (...all) =>
      all.forEach(message =>
        socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message)),
      ),
    async next() {
      await waitUntil(() => messages.length > 0, 'No message has come.');
      return messages.shift()!;
    },
    get waiting() {
      return messages.length;
    },
    closed,
  };
}

/**
 * Opens a connection, and begins it with these parameters; returns it, and the answer: `connection_ack`, or the code
 * with which it was closed.
 */
export async function beginSocket(
  url: string,
  parameters: object = {},
  options: ClientOptions = {},
): Promise<RawSocket & { readonly answer: string | number }> {
  const opened = await openSocket(url, options);
  opened.send({ type: 'connection_init', payload: parameters });
  const answer = await Promise.race([opened.next().then(({ type }) => type), opened.closed.then(([code]) => code)]);
  return Object.assign(Object.create(opened) as RawSocket, { answer });
}

/** Returns the HTTP answer to a rejected request for a WebSocket; `headers` override the usual ones. */
export async function refusedSocket(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: IncomingHttpHeaders; code: string; message: string }> {
  const usual = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AQIDBAUGBwgJCgsMDQ4PEA==',
    'sec-websocket-protocol': PROTOCOL,
  };
  const request = get(url, { agent: false, headers: { ...usual, ...headers } });
  request.once('upgrade', (_response, socket: Socket) => socket.destroy());
  const [response] = (await promptly(once(request, 'response'), 'The WebSocket was let in.')) as [IncomingMessage];
  const { errors } = (await json(response)) as { errors: { message: string; extensions: { code: string } }[] };
  return {
    status: response.statusCode!,
    headers: response.headers,
    code: errors[0]!.extensions.code,
    message: errors[0]!.message,
  };
}
