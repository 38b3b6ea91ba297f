import { maxHeaderSize } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyHttpOptions } from 'fastify';
import type { Server } from 'node:http';
import type { Config } from '../config.js';
import type { ErrorCode } from '../graphql/error-catalogue.js';
import { answerRaw } from './raw-answer.js';

/** Limits how long a client may take to send the headers of a request, and all of it, in milliseconds; a whole body is 1 MiB. */
const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 30_000;
/** Says how often these two are looked at, in milliseconds; Node's own 30 s would let them pass by as much. */
const CHECKING_INTERVAL = 5_000;

/** Gives the options for connections: how long one is kept open, how long a request may take to arrive, and how one that cannot be read is answered. */
export function connectionLimits({ keepAliveTimeout }: Config): Pick<FastifyHttpOptions<Server>, 'keepAliveTimeout' | 'requestTimeout' | 'http' | 'clientErrorHandler'> {
  return {
    keepAliveTimeout: keepAliveTimeout * 1000,
    requestTimeout: REQUEST_TIMEOUT,
    http: { headersTimeout: HEADERS_TIMEOUT, connectionsCheckingInterval: CHECKING_INTERVAL },
    clientErrorHandler: (error, socket) => refuse(error, socket),
  };
}

/** Answers what Node's parser could not take for a request, in GraphQL's shape, and ends its connection. */
function refuse({ code }: Error & { readonly code?: string }, socket: Socket): void {
  if (code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, name, message] = refusal(code);
  answerRaw(socket, { status, code: name, message });
}

function refusal(code: string | undefined): [status: string, code: ErrorCode, message: string] {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return ['431 Request Header Fields Too Large', 'HEADERS_TOO_LARGE', `The address and the headers may have ${maxHeaderSize} bytes together. Send a long query by POST, or its hash as a persisted query.`];
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return ['408 Request Timeout', 'REQUEST_TIMEOUT', `The request did not arrive in time: its headers within ${HEADERS_TIMEOUT / 1000} s, all of it within ${REQUEST_TIMEOUT / 1000} s. Send it again.`];
  }
  return ['400 Bad Request', 'BAD_REQUEST', 'This is no request of HTTP/1.1. Where it was meant to be encrypted, ask the proxy before this server instead.'];
}
