/** Serves subscriptions to live counts, by server-sent events and by WebSocket. */
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { clock, LiveCounts, shareLimits, Turns, type Pace } from '../../live-counts/index.js';
import { expiryOf } from '../../access/tokens.js';
import { loggedError } from '../observability/database-faults.js';
import { LiveConnections } from './connections.js';
import type { LiveEndpoint } from './endpoint.js';
import { serveEventStreams } from './event-stream.js';
import { serveWebSockets } from './web-sockets.js';

export type { LiveConnections } from './connections.js';
export { refusalReasons } from './connections.js';
export { EVENT_STREAM_PATH } from './event-stream.js';
export { isForWebSocket } from './web-sockets.js';

/** Limits how long clients may take to leave a server that stops, in milliseconds. */
const GRACE = 1000;

/**
 * Is the live counts of a server, and what sends their clients away, who then connect elsewhere; to be called as the
 * server stops listening.
 */
export interface ServedCounts {
  readonly counts: LiveCounts;
  /** Knows who listens, and sends listeners away whose rights are gone. */
  readonly connections: LiveConnections;
  letGo(): void;
}

/** Serves subscriptions to them. */
export function serveLiveCounts(
  app: FastifyInstance,
  {
    config,
    database,
    pace = clock,
    ...rest
  }: Pick<
    LiveEndpoint,
    | 'rules'
    | 'contextOf'
    | 'verify'
    | 'clientAddressOf'
    | 'rates'
    | 'isOverloaded'
    | 'format'
    | 'current'
    | 'rawAnswers'
    | 'logger'
  > & { readonly config: Config; readonly database: Database; readonly pace?: Pace },
): ServedCounts {
  const { logger } = rest;
  const onTrouble = (error: unknown): void =>
    error === null
      ? logger.info('live counts can be read again')
      : logger.warn(loggedError(error), 'live counts cannot be read; subscribers wait until they can be');
  const limits = shareLimits(config.maxSubscriptions);
  const counts = new LiveCounts(database, onTrouble, pace, limits);
  const connections = new LiveConnections(pace, limits);
  const endpoint: LiveEndpoint = {
    ...rest,
    counts,
    connections,
    pace,
    turns: new Turns(),
    corsOrigins: config.corsOrigins,
    expiryOf: token => expiryOf(token, config.jwt),
    seconds: config.requestTimeout,
    isExpired: ({ expiresAt }) => expiresAt !== null && expiresAt <= pace.now(),
    grace: Math.min(GRACE, config.shutdownTimeout * 1000),
  };
  const letGo = [serveEventStreams(app, endpoint), serveWebSockets(app, endpoint)];
  return {
    counts,
    connections,
    letGo() {
      // Before the subscriptions end, or clients would be told that all is said.
      for (const go of letGo) go();
      counts.end();
    },
  };
}
