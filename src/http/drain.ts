import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import pTimeout from 'p-timeout';
import { isClientGone, onFinished } from './answers/answer-finished.js';

/**
 * Watches the requests of a server that does not listen yet, and returns the function that stops the server. That
 * function stops listening, calls `stopping` to end work that would never finish, waits at most the given seconds for
 * the requests in flight, closes the connections of the rest, and resolves with the number of requests that were cut
 * off.
 */
export function drainOf(app: FastifyInstance, seconds: number, stopping: () => void): () => Promise<number> {
  const requests = new RequestsInFlight(app);
  return async () => {
    requests.closeConnections();
    const closed = app.close();
    // Not in Fastify's hook preClose: with one, it goes on listening for a while, and then resets new connections.
    stopping();
    const haveEnded = await pTimeout(
      closed.then(() => requests.none()).then(() => true),
      { milliseconds: Math.max(1, seconds * 1000), fallback: () => false },
    );
    if (haveEnded) return 0;
    const { count } = requests;
    app.log.error({ requests: count, seconds }, 'closing the connections of requests that did not finish in time');
    app.server.closeAllConnections();
    await closed;
    return count;
  };
}

/**
 * The requests in flight: each one until its answer has been sent or, if its client has disconnected, until its work is
 * done.
 */
class RequestsInFlight {
  /** The answers that each connection still has to send, in order. */
  readonly #due = new Map<Socket, Set<ServerResponse>>();
  /** The answers that are complete and may be being sent. */
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
      onFinished(request.raw, raw, () => {
        // Even if it was not sent completely: once an answer is being sent, such as a stream of events, no work is left
        // when its client disconnects.
        if (this.#ready.has(raw)) this.#end(socket, raw);
      });
      done();
    });
    app.addHook('onSend', (request, reply, payload, done) => {
      this.#ready.add(reply.raw);
      if (isClientGone(request.raw, reply.raw)) this.#end(request.raw.socket, reply.raw);
      else if (this.#isClosing) this.#sayWhetherLast(request, reply);
      done(null, payload);
    });
  }

  get count(): number {
    return [...this.#due.values()].reduce((count, { size }) => count + size, 0);
  }

  /**
   * Closes each connection after its last answer, and at once those on which nothing has arrived: otherwise clients
   * would keep them open, and the drain would wait for them.
   */
  closeConnections(): void {
    this.#isClosing = true;
    // Browsers open connections in advance; Node counts them as busy.
    for (const socket of this.#connections) if (socket.bytesRead === 0) socket.destroySoon();
  }

  /** Resolves once no request is in flight. */
  async none(): Promise<void> {
    while (this.#due.size > 0) await new Promise<void>(resolve => (this.#ended = resolve));
  }

  /**
   * Sets `Connection: close` on the last answer of a connection only: after an answer with it, Node drops all others.
   */
  #sayWhetherLast({ raw: { socket } }: FastifyRequest, reply: FastifyReply): void {
    if ([...(this.#due.get(socket) ?? [])].at(-1) === reply.raw) {
      reply.header('connection', 'close');
      return;
    }
    reply.removeHeader('connection');
    // Fastify sets it for each request that arrives while it closes.
    reply.raw.removeHeader('connection');
  }

  #end(socket: Socket, answer: ServerResponse): void {
    const due = this.#due.get(socket);
    if (!due?.delete(answer)) return;
    if (due.size === 0) {
      this.#due.delete(socket);
      // The last answer may have been made before the server began to stop.
      if (this.#isClosing) socket.destroySoon();
    }
    this.#ended();
  }
}
