import { randomUUID } from 'node:crypto';
import { maxHeaderSize, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { ArrivalTimes } from '../limits/connection-limits.js';
import type { RawAnswers } from './raw-answer.js';
import { rateHeaders } from '../limits/rates/request-charges.js';
import type { RequestRefusal } from './refused-request.js';
import { requestIdOf } from '../observability/request-id.js';
import type { FollowedRequests } from '../observability/request-record.js';

/** Returns the headers of the answer to one request, besides those that all answers have. */
export type HeadersOf = (request: IncomingMessage) => Promise<Readonly<Record<string, string>>>;

/** An error of Node's HTTP parser. */
type ParserError = Error & { readonly code?: string };

/**
 * Returns the function that answers what Node's HTTP parser could not read, or not completely, and closes the
 * connection.
 */
export function unreadableRequests(
  answers: RawAnswers,
  requests: Pick<FollowedRequests, 'latestOn'>,
  times: ArrivalTimes,
): (error: ParserError, socket: Socket) => void {
  return ({ code }, socket) => {
    const begun = requests.latestOn(socket);
    // The client has disconnected, or its answer is already being sent.
    if (code === 'ECONNRESET' || socket.destroyed || !socket.writable || begun?.isAnswered()) {
      socket.destroy();
      return;
    }
    // The unreadable bytes follow a complete request whose answer is still to come.
    if (begun?.isWhole()) return begun.endAfter(socket);
    const answer = answerTo(code, times);
    if (!begun) return answers.refuse(socket, { id: randomUUID() }, answer);
    begun.answeredWith(answer);
    answers.write(socket, begun.id, { ...answer, headers: begun.standing ? rateHeaders(begun.standing) : {} });
  };
}

/**
 * Answers requests that Node would otherwise close or answer itself: CONNECT, which asks for a tunnel, and requests
 * with an unknown expectation in the Expect header.
 */
export function answerUnusualRequests(app: FastifyInstance, answers: RawAnswers, headersOf: HeadersOf): void {
  app.server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy());
    const { method = 'CONNECT', url: path = '' } = request;
    const message = 'This server does not accept CONNECT, only GET and POST.';
    void headersOf(request).then(headers =>
      answers.refuse(
        socket,
        { id: requestIdOf(request), method, path },
        { status: 405, code: 'METHOD_NOT_ALLOWED', message, headers: { ...headers, allow: 'GET, POST' } },
      ),
    );
  });
  // Routed like any other request, and rejected there.
  app.server.on('checkExpectation', (request, response) => app.routing(request, response));
}

function answerTo(code: string | undefined, times: ArrivalTimes): RequestRefusal {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return {
      status: 431,
      code: 'HEADERS_TOO_LARGE',
      message: `The address and the headers may have ${maxHeaderSize} bytes together. Send a long query by POST, or its hash as a persisted query.`,
    };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const message = `The request did not arrive in time: its headers within ${times.headers / 1000} s, all of it within ${times.request / 1000} s. Send it again.`;
    return { status: 408, code: 'REQUEST_TIMEOUT', message };
  }
  return {
    status: 400,
    code: 'BAD_REQUEST',
    message:
      'This is not an HTTP/1.1 request. If it was meant to be encrypted, send it to the proxy in front of this server.',
  };
}
