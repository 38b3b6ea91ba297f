import type { ServerResponse } from 'node:http';
import { Outlet, type Listener } from '../../live-counts/index.js';
import type { TokenError } from '../../access/token-error.js';
import { WRITE_DEADLINE, type LiveConnection } from './connections.js';
import type { LiveEndpoint } from './endpoint.js';

/** One stream of events, the answer to a request. */
export class StreamConnection implements LiveConnection {
  readonly protocol = 'sse';
  readonly outlet: Outlet;
  readonly #gone = new AbortController();
  #listener: Listener | null = null;
  /** Says since when what was written waits for the client; null: it has read all. */
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

  /** Aborted when the client has gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get listener(): Listener | null {
    return this.#listener;
  }

  /** Takes who it is that listens. Errors: SubscriptionRefused, where they have as many connections as they may. */
  begin(listener: Listener): void {
    const { response, endpoint } = this;
    // Of one that has gone meanwhile nobody would give the share back.
    if (response.closed) return this.#gone.abort();
    const giveBack = endpoint.connections.established.take(listener);
    const remove = endpoint.connections.add(this);
    this.#listener = listener;
    response.on('drain', () => (this.#unreadSince = null));
    response.once('close', () => {
      this.#gone.abort();
      giveBack();
      remove();
      // What waits for its next event would not learn of it.
      endpoint.counts.endOf(listener);
    });
  }

  sendAway(error: TokenError): void {
    if (this.#listener) this.endpoint.counts.endOf(this.#listener, error);
  }

  sweep(now: number): 'slow' | undefined {
    if (!this.response.writableNeedDrain) return undefined;
    this.#unreadSince ??= now;
    if (now - this.#unreadSince < WRITE_DEADLINE) return undefined;
    this.response.destroy();
    return 'slow';
  }

  /**
   * Comes back when the client has read enough for more to be sent, or has gone: so that a slow one only has the latest
   * waiting for it.
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
