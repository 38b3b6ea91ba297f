import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Refusal } from './refusals.js';
import { REQUEST_ID } from '../observability/request-id.js';
import { newRecord, type EndedRequest } from '../observability/request-record.js';

/** What is known of the request that gets such an answer; nothing but the id where it could not be read. */
export interface RawRequest {
  readonly id: string;
  readonly method?: string;
  readonly path?: string;
  /** The path of the route; absent: there is none. */
  readonly route?: string;
}

/**
 * Writes refusals to connections that no route of the server serves, for bytes that are no request, or for one that
 * asks to leave HTTP, with the headers, the log line and the metrics that its answers have.
 */
export class RawAnswers {
  constructor(
    private readonly headers: Readonly<Record<string, string>>,
    private readonly ended: readonly ((request: EndedRequest) => void)[],
  ) {}

  /** Answers a request, tells of its end, and ends the connection. */
  refuse(socket: Duplex, request: RawRequest, answer: Refusal): void {
    this.write(socket, request.id, answer);
    const { id, method = null, path = null, route = null } = request;
    const whole: EndedRequest = {
      ...newRecord(id),
      errorCodes: [answer.code],
      method,
      path,
      route,
      status: answer.status,
      milliseconds: 0,
      aborted: false,
    };
    for (const tell of this.ended) tell(whole);
  }

  /** Writes an answer to a request whose end is told elsewhere, and ends the connection. */
  write(socket: Duplex, id: string, { status, code, message, headers = {} }: Refusal): void {
    const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
    const own = {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      [REQUEST_ID]: id,
      connection: 'close',
    };
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      ...Object.entries({ ...this.headers, ...own, ...headers }).map(([name, value]) => `${name}: ${value}`),
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  }
}
