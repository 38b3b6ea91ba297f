import type { ServerResponse } from 'node:http';
import { SendQueue, type Subscriber } from '../../live-counts/index.js';
import type { TokenError } from '../../access/token-error.js';
import { MAX_UNREAD_MS, type LiveConnection } from './connections.js';
import type { LiveEndpoint } from './endpoint.js';

/** One stream of events, the answer to a request. */
export class StreamConnection implements LiveConnection {
  readonly protocol = 'sse';
  readonly sendQueue: SendQueue;
  readonly #gone = new AbortController();
  #subscriber: Subscriber | null = null;
  /** The moment since which written bytes wait for the client; null if it has read everything. */
  #unreadSince: number | null = null;

  constructor(
    private readonly response: ServerResponse,
    private readonly endpoint: LiveEndpoint,
  ) {
    this.sendQueue = new SendQueue(async () => {
      await endpoint.messageThrottle.next();
      await this.#room();
    });
  }

  /** Aborted when the client disconnects. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get subscriber(): Subscriber | null {
    return this.#subscriber;
  }

  /** Sets the subscriber. Errors: SubscriptionRefused if its client has as many connections as allowed. */
  begin(subscriber: Subscriber): void {
    const { response, endpoint } = this;
    // If the client has disconnected meanwhile, nothing would release the quota.
    if (response.closed) return this.#gone.abort();
    const release = endpoint.connections.established.acquire(subscriber);
    const remove = endpoint.connections.add(this);
    this.#subscriber = subscriber;
    response.on('drain', () => (this.#unreadSince = null));
    response.once('close', () => {
      this.#gone.abort();
      release();
      remove();
      // A subscription that waits for its next event would not notice.
      endpoint.counts.endSubscriptionsOf(subscriber);
    });
  }

  disconnect(error: TokenError): void {
    if (this.#subscriber) this.endpoint.counts.endSubscriptionsOf(this.#subscriber, error);
  }

  sweep(now: number): 'slow' | undefined {
    if (!this.response.writableNeedDrain) return undefined;
    this.#unreadSince ??= now;
    if (now - this.#unreadSince < MAX_UNREAD_MS) return undefined;
    this.response.destroy();
    return 'slow';
  }

  /**
   * Resolves when the client has read enough to be sent more, or has disconnected, so that only the latest event waits
   * for a slow client.
   */
  #room(): Promise<void> | undefined {
    const { response } = this;
    if (!response.writableNeedDrain || response.destroyed) return undefined;
    this.#unreadSince ??= this.endpoint.clock.elapsed();
    return new Promise(resolve => {
      const go = (): void => {
        response.off('drain', go).off('close', go);
        resolve();
      };
      response.on('drain', go).on('close', go);
    });
  }
}
