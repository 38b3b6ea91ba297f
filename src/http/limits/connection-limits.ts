import type { Server } from 'node:http';
import type { FastifyHttpOptions } from 'fastify';
import type { Config } from '../../config/config.js';

/** How long a client may take to send a request, in milliseconds. */
export interface ArrivalTimes {
  /** To send its headers, from the moment at which it connects or the answer before it is over. */
  readonly headers: number;
  /** To send all of it; a whole body is 1 MiB. */
  readonly request: number;
  /** How often these two are looked at; Node's own 30 s would let them pass by as much. */
  readonly lookedAtEvery: number;
}

/** Those of a server in use. */
export const arrivalTimes: ArrivalTimes = { headers: 10_000, request: 30_000, lookedAtEvery: 5_000 };

/**
 * How long a connection is silent before TCP asks whether the client's machine is still there, in milliseconds; where
 * nothing answers for ten seconds more, the connection ends. Without it, one whose client vanished would stay for
 * hours.
 */
export const PROBED_AFTER = 12_000;

/** Returns the options for connections: how long one is kept open, and how long a request may take to arrive. */
export function connectionLimits(
  { keepAliveTimeout }: Config,
  { headers, request, lookedAtEvery }: ArrivalTimes,
): Pick<FastifyHttpOptions<Server>, 'keepAliveTimeout' | 'requestTimeout' | 'http'> {
  return {
    keepAliveTimeout: keepAliveTimeout * 1000,
    requestTimeout: request,
    // A request without Host is refused with all others that HTTP does not allow, where Node has no words for it.
    http: {
      headersTimeout: headers,
      connectionsCheckingInterval: lookedAtEvery,
      requireHostHeader: false,
      keepAlive: true,
      keepAliveInitialDelay: PROBED_AFTER,
    },
  };
}
