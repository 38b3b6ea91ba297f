/**
 * The transport of live counts: subscriptions by server-sent events and by WebSocket.
 *
 * Live counts span three layers. `src/live-counts` decides what is sent and when: it reads the watched courses, shares
 * one read among all subscriptions, and limits them. `src/graphql` (types and resolvers `live-counts.ts`) is their
 * schema. This folder is their connections: `endpoint.ts` what both protocols share, `event-stream.ts` and
 * `stream-connection.ts` server-sent events, `web-sockets.ts` and `socket-connection.ts` WebSockets, `connections.ts`
 * all open ones, `bounded-subscribe.ts` time limits, `message-throttle.ts` how many
 * messages are made at once, `origins.ts` the pages that may connect.
 */
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.js';
import type { Database } from '../../database/database.js';
import { LiveCounts, quotaLimits, systemClock, type Clock } from '../../live-counts/index.js';
import { expiryOf } from '../../access/tokens.js';
import { loggedError } from '../observability/database-faults.js';
import { LiveConnections } from './connections.js';
import type { LiveEndpoint } from './endpoint.js';
import { MessageThrottle } from './message-throttle.js';
import { SharedMessages } from './shared-messages.js';
import { serveEventStreams } from './event-stream.js';
import { serveWebSockets } from './web-sockets.js';

export type { LiveConnections } from './connections.js';
export { refusalReasons } from './connections.js';
export { isForWebSocket } from './web-sockets.js';

/** The longest time that clients may take to disconnect when the server stops, in milliseconds. */
const MAX_DISCONNECT_MS = 1000;

/** The live counts of a server and the connections of their clients. */
export interface ServedCounts {
  readonly counts: LiveCounts;
  readonly connections: LiveConnections;
  /** Closes all subscriptions when the server stops listening; their clients then connect to another server. */
  readonly closeSubscriptions: () => void;
}

/** Serves subscriptions to live counts. */
export function serveLiveCounts(
  app: FastifyInstance,
  {
    config,
    database,
    clock = systemClock,
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
  > & { readonly config: Config; readonly database: Database; readonly clock?: Clock },
): ServedCounts {
  const { logger } = rest;
  const onTrouble = (error: unknown): void =>
    error === null
      ? logger.info('live counts can be read again')
      : logger.warn(loggedError(error), 'live counts cannot be read; subscribers wait until they can be');
  const limits = quotaLimits(config.maxSubscriptions);
  const counts = new LiveCounts(database, onTrouble, clock, limits);
  const connections = new LiveConnections(clock, limits);
  const endpoint: LiveEndpoint = {
    ...rest,
    counts,
    connections,
    clock,
    messageThrottle: new MessageThrottle(),
    sharedMessages: new SharedMessages(config.requestTimeout),
    corsOrigins: config.corsOrigins,
    expiryOf: token => expiryOf(token, config.jwt),
    seconds: config.requestTimeout,
    isExpired: ({ expiresAt }) => expiresAt !== null && expiresAt <= clock.now(),
    maxDisconnectMs: Math.min(MAX_DISCONNECT_MS, config.shutdownTimeout * 1000),
  };
  const closeClients = [serveEventStreams(app, endpoint), serveWebSockets(app, endpoint)];
  return {
    counts,
    connections,
    closeSubscriptions() {
      // Before the subscriptions end; otherwise clients would be told that their subscription is complete.
      for (const close of closeClients) close();
      counts.end();
    },
  };
}
