import type { Server } from 'node:http';
import type { FastifyHttpOptions } from 'fastify';
import type { Config } from '../config.js';

/** Limits how long a client may take to send the headers of a request, and all of it, in milliseconds; a whole body is 1 MiB. */
export const HEADERS_TIMEOUT = 10_000;
export const REQUEST_TIMEOUT = 30_000;
/** Says how often these two are looked at, in milliseconds; Node's own 30 s would let them pass by as much. */
const CHECKING_INTERVAL = 5_000;

/**
 * How long a connection is silent before TCP asks whether the client's machine is still there, in milliseconds; where nothing
 * answers for ten seconds more, the connection ends. Without it, one whose client vanished would stay for hours.
 */
export const PROBED_AFTER = 12_000;

/** Returns the options for connections: how long one is kept open, and how long a request may take to arrive. */
export function connectionLimits({ keepAliveTimeout }: Config): Pick<FastifyHttpOptions<Server>, 'keepAliveTimeout' | 'requestTimeout' | 'http'> {
  return {
    keepAliveTimeout: keepAliveTimeout * 1000,
    requestTimeout: REQUEST_TIMEOUT,
    // A request without Host is refused with all others that HTTP does not allow, where Node has no words for it.
    http: { headersTimeout: HEADERS_TIMEOUT, connectionsCheckingInterval: CHECKING_INTERVAL, requireHostHeader: false, keepAlive: true, keepAliveInitialDelay: PROBED_AFTER },
  };
}
