import type { QuotaClient } from './client-quota.js';
import type { SendQueue } from './send-queue.js';

/** The protocols for subscriptions: server-sent events and WebSocket. */
export const protocols = ['sse', 'ws'] as const;

/** One connection of a client that subscribes. */
export interface Subscriber extends QuotaClient {
  readonly protocol: (typeof protocols)[number];
  /** The moment when its token expires, in milliseconds since 1970; null if it has none. */
  readonly expiresAt: number | null;
  /** The queue in which its subscriptions send their messages. */
  readonly sendQueue: SendQueue;
  /** Aborted when the client disconnects. */
  readonly gone: AbortSignal;
}
