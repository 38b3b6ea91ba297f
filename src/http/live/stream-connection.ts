import type { ServerResponse } from 'node:http';
import { Outlet, type Listener } from '../../live-counts/index.js';
import type { TokenError } from '../../access/token-error.js';
import { MAX_UNREAD_MS, type LiveConnection } from './connections.js';
import type { LiveEndpoint } from './endpoint.js';

/** One stream of events, the answer to a request. */
export class StreamConnection implements LiveConnection {
  readonly protocol = 'sse';
  readonly outlet: Outlet;
  readonly #gone = new AbortController();
  #listener: Listener | null = null;
  /** The moment since which written bytes wait for the client; null if it has read everything. */
  #unreadSince: number | null = null;

  constructor(
    private readonly response: ServerResponse,
    private readonly endpoint: LiveEndpoint,
  ) {
    this.outlet = new Outlet(async () => {
      await endpoint.turns.next();
      await this.#room();
    });
  }

  /** Aborted when the client disconnects. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get listener(): Listener | null {
    return this.#listener;
  }

  /** Sets the listener. Errors: SubscriptionRefused if the listener has as many connections as allowed. */
  begin(listener: Listener): void {
    const { response, endpoint } = this;
    // If the client has disconnected meanwhile, nothing would give the share back.
    if (response.closed) return this.#gone.abort();
    const giveBack = endpoint.connections.established.take(listener);
    const remove = endpoint.connections.add(this);
    this.#listener = listener;
    response.on('drain', () => (this.#unreadSince = null));
    response.once('close', () => {
      this.#gone.abort();
      giveBack();
      remove();
      // A subscription that waits for its next event would not notice.
      endpoint.counts.endOf(listener);
    });
  }

  disconnect(error: TokenError): void {
    if (this.#listener) this.endpoint.counts.endOf(this.#listener, error);
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
    this.#unreadSince ??= this.endpoint.pace.elapsed();
    return new Promise(resolve => {
      const go = (): void => {
        response.off('drain', go).off('close', go);
        resolve();
      };
      response.on('drain', go).on('close', go);
    });
  }
}
