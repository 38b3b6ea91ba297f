import type { Server } from 'node:http';
import type { FastifyHttpOptions } from 'fastify';
import type { Config } from '../../config/config.js';

/** The longest times that a client may take to send a request, in milliseconds. */
export interface ArrivalTimes {
  /** To send the headers, counted from the connection or from the end of the previous answer. */
  readonly headers: number;
  /** To send the whole request; the largest body is 1 MiB. */
  readonly request: number;
  /** The time between two checks of these limits; with Node's default of 30 s they could be exceeded by as much. */
  readonly checkMs: number;
}

/** The arrival times of a server in production. */
export const arrivalTimes: ArrivalTimes = { headers: 10_000, request: 30_000, checkMs: 5_000 };

/**
 * How long a connection may be silent before TCP probes the client's machine, in milliseconds; if nothing answers for
 * ten more seconds, the connection is closed. Without this, the connection of a vanished client would stay for hours.
 */
const TCP_PROBE_MS = 12_000;

/** Returns the options for connections: how long an idle one stays open, and how long a request may take to arrive. */
export function connectionLimits(
  { keepAliveTimeout }: Config,
  { headers, request, checkMs }: ArrivalTimes,
): Pick<FastifyHttpOptions<Server>, 'keepAliveTimeout' | 'requestTimeout' | 'http'> {
  return {
    keepAliveTimeout: keepAliveTimeout * 1000,
    requestTimeout: request,
    // Node would reject a request without Host with an empty answer; it is rejected later with an explanation.
    http: {
      headersTimeout: headers,
      connectionsCheckingInterval: checkMs,
      requireHostHeader: false,
      keepAlive: true,
      keepAliveInitialDelay: TCP_PROBE_MS,
    },
  };
}
