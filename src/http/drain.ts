import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isGone, onceOver } from './answers/answer-over.js';

/**
 * Watches the requests of a server that does not listen yet, and gives the function that ends it: it stops listening,
 * calls `stopping`, which ends what would go on for ever, lets what is in flight finish for at most so many seconds,
 * cuts off the rest, and resolves with the number of requests cut off.
 */
export function drainOf(app: FastifyInstance, seconds: number, stopping: () => void): () => Promise<number> {
  const requests = new RequestsInFlight(app);
  return async () => {
    requests.closeConnections();
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

/**
 * Knows the requests that are worked on: each until its answer is out or, where its client has gone, until its work is
 * done.
 */
class RequestsInFlight {
  /** The answers of each connection that are due, in the order in which they go out. */
  readonly #due = new Map<Socket, Set<ServerResponse>>();
  /** Holds those that are ready, and may be on their way out. */
  readonly #ready = new WeakSet<ServerResponse>();
  readonly #connections = new Set<Socket>();
  #isClosing = false;
  #ended: () => void = () => undefined;

  constructor(app: FastifyInstance) {
    app.server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    app.addHook('onRequest', (request, { raw }, done) => {
      const { socket } = request.raw;
      this.#due.set(socket, (this.#due.get(socket) ?? new Set()).add(raw));
      onceOver(request.raw, raw, () => {
        // Not only where it was sent whole: of one on its way out, a stream of events say, no work is left when its
        // client goes.
        if (this.#ready.has(raw)) this.#end(socket, raw);
      });
      done();
    });
    app.addHook('onSend', (request, reply, payload, done) => {
      this.#ready.add(reply.raw);
      if (isGone(request.raw, reply.raw)) this.#end(request.raw.socket, reply.raw);
      else if (this.#isClosing) this.#sayWhetherLast(request, reply);
      done(null, payload);
    });
  }

  get count(): number {
    return [...this.#due.values()].reduce((count, { size }) => count + size, 0);
  }

  /**
   * Closes each connection after its last answer, and those on which nothing has come: clients would keep them open,
   * and the drain would wait for that.
   */
  closeConnections(): void {
    this.#isClosing = true;
    // Browsers open such ones in advance; Node takes them for busy.
    for (const socket of this.#connections) if (socket.bytesRead === 0) socket.destroySoon();
  }

  /** Resolves once there is none. */
  async none(): Promise<void> {
    while (this.#due.size > 0) await new Promise<void>(resolve => (this.#ended = resolve));
  }

  /**
   * Has the last answer of a connection say that it is the last; after one that says so, Node would drop the others.
   */
  #sayWhetherLast({ raw: { socket } }: FastifyRequest, reply: FastifyReply): void {
    if ([...(this.#due.get(socket) ?? [])].at(-1) === reply.raw) {
      reply.header('connection', 'close');
      return;
    }
    reply.removeHeader('connection');
    // Fastify says so of each request that comes by then.
    reply.raw.removeHeader('connection');
  }

  #end(socket: Socket, answer: ServerResponse): void {
    const due = this.#due.get(socket);
    if (!due?.delete(answer)) return;
    if (due.size === 0) {
      this.#due.delete(socket);
      // Where the last answer was made before the server was to stop.
      if (this.#isClosing) socket.destroySoon();
    }
    this.#ended();
  }
}
