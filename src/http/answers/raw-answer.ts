import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RequestRefusal } from './refused-request.js';
import { REQUEST_ID } from '../observability/request-id.js';
import { newRecord, type EndedRequest } from '../observability/request-record.js';

/** What is known about a request that is answered past Fastify; only the id if the request could not be parsed. */
export interface RawRequest {
  readonly id: string;
  readonly method?: string;
  readonly path?: string;
  /** The path of the route; absent if there is no such route. */
  readonly route?: string;
}

/**
 * Writes refusals to connections that no route serves, because their bytes are not an HTTP request or the request asks
 * to leave HTTP. The answers have the same headers, log line and metrics as all others.
 */
export class RawAnswers {
  constructor(
    private readonly headers: Readonly<Record<string, string>>,
    private readonly ended: readonly ((request: EndedRequest) => void)[],
  ) {}

  /** Answers a request, reports it as finished, and closes the connection. */
  refuse(socket: Duplex, request: RawRequest, answer: RequestRefusal): void {
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

  /** Answers a request that is reported as finished elsewhere, and closes the connection. */
  write(socket: Duplex, id: string, { status, code, message, headers = {} }: RequestRefusal): void {
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
