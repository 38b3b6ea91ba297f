import type { Duplex } from 'node:stream';
import type { ErrorCode } from '../graphql/error-catalogue.js';

/** An answer in GraphQL's shape to what no route of the server takes: bytes that are no request, or one that asks for a WebSocket. */
export interface RawAnswer {
  /** The status with its words, such as `400 Bad Request`. */
  readonly status: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Writes an answer to a connection, and ends it. */
export function answerRaw(socket: Duplex, { status, code, message, headers = {} }: RawAnswer): void {
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
  const own = { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store', connection: 'close' };
  const head = [`HTTP/1.1 ${status}`, ...Object.entries({ ...own, ...headers }).map(([name, value]) => `${name}: ${value}`)];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
