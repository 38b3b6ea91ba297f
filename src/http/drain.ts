import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';

/**
 * Watches the requests of a server that does not listen yet, and gives the function that ends it: it stops listening, calls
 * `stopping`, which ends what would go on for ever, lets what is in flight finish for at most so many seconds, cuts off the
 * rest, and resolves with the number of requests cut off.
 */
export function drainOf(app: FastifyInstance, seconds: number, stopping: () => void): () => Promise<number> {
  const requests = new RequestsInFlight(app);
  return async () => {
    const closed = app.close();
    // Not by Fastify's hook preClose: with any, it listens on for a while, and then resets who has connected meanwhile.
    stopping();
    const over = new AbortController();
    try {
      const deadline = delay(seconds * 1000, 'late' as const, { signal: over.signal });
      if ((await Promise.race([closed.then(() => requests.none()), deadline])) !== 'late') return 0;
    } finally {
      over.abort();
    }
    const { count } = requests;
    app.log.error({ requests: count, seconds }, 'closing the connections of requests that did not finish in time');
    app.server.closeAllConnections();
    await closed;
    return count;
  };
}

/** Knows the requests that are worked on: each until its answer is out or, where its client has gone, until its work is done. */
class RequestsInFlight {
  readonly #answers = new Set<ServerResponse>();
  /** Holds those that are ready, and may be on their way out. */
  readonly #ready = new WeakSet<ServerResponse>();
  #ended: () => void = () => undefined;

  constructor(app: FastifyInstance) {
    app.addHook('onRequest', async (_request, { raw }) => {
      this.#answers.add(raw);
      raw.once('close', () => {
        // Not only where it was sent whole: of one on its way out, a stream of events say, no work is left when its client goes.
        if (this.#ready.has(raw)) this.#end(raw);
      });
    });
    app.addHook('onSend', async (_request, { raw }) => {
      this.#ready.add(raw);
      if (raw.destroyed) this.#end(raw);
    });
  }

  get count(): number {
    return this.#answers.size;
  }

  /** Resolves once there is none. */
  async none(): Promise<void> {
    while (this.#answers.size > 0) await new Promise<void>(resolve => (this.#ended = resolve));
  }

  #end(answer: ServerResponse): void {
    this.#answers.delete(answer);
    this.#ended();
  }
}
