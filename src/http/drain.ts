import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import pTimeout from 'p-timeout';
import { isClientGone, onFinished } from './answers/answer-finished.js';

/** The end of a server, and the requests that it waits for. */
export interface Drain {
  readonly stop: () => Promise<number>;
  readonly requests: RequestsInFlight;
}

/**
 * Watches the requests of a server that does not listen yet, and returns the function that stops the server. That
 * function stops listening, calls `stopping` to end work that would never finish, waits at most the given seconds for
 * the requests in flight, closes the connections of the rest, and resolves with the number of requests that were cut
 * off.
 */
export function drainOf(app: FastifyInstance, seconds: number, stopping: () => void): Drain {
  const requests = new RequestsInFlight(app);
  const stop = async (): Promise<number> => {
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
  return { stop, requests };
}

/**
 * The requests in flight: each one until its answer has been sent or, if its client has disconnected, until its work is
 * done.
 */
export class RequestsInFlight {
  /** The answers that each connection still has to send, in order. */
  readonly #due = new Map<Socket, Set<ServerResponse>>();
  /** The answers that are complete and may be being sent. */
  readonly #ready = new WeakSet<ServerResponse>();
  /** The answers to requests that arrived before the server began to stop, although they are handled a turn later. */
  readonly #onTime = new WeakSet<ServerResponse>();
  readonly #connections = new Set<Socket>();
  #isClosing = false;
  #ended: () => void = () => undefined;

  constructor(app: FastifyInstance) {
    app.server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    app.addHook('onRequest', (request, { raw }, done) => {
      this.begin(request.raw, raw);
      onFinished(request.raw, raw, () => this.over(request.raw, raw));
      done();
    });
    app.addHook('onSend', (request, reply, payload, done) => {
      if (this.ready(request.raw, reply.raw)) this.#sayWhetherLast(request, reply);
      done(null, payload);
    });
  }

  /** True once the server is stopping. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Counts a request that is handled a turn later: as long as that takes, it is not late. */
  arrive(request: IncomingMessage, response: ServerResponse): void {
    this.begin(request, response);
    this.#onTime.add(response);
  }

  /** Returns true if a request arrived before the server began to stop. */
  isOnTime(response: ServerResponse): boolean {
    return this.#onTime.has(response);
  }

  /** Counts a request. */
  begin({ socket }: IncomingMessage, response: ServerResponse): void {
    const due = this.#due.get(socket);
    if (due) due.add(response);
    else this.#due.set(socket, new Set([response]));
  }

  /** Records that an answer is complete; returns true if it must say whether it is the last one on its connection. */
  ready(request: IncomingMessage, response: ServerResponse): boolean {
    this.#ready.add(response);
    if (!isClientGone(request, response)) return this.#isClosing;
    this.#end(request.socket, response);
    return false;
  }

  /** Records that an answer was sent, or that its client has disconnected. */
  over({ socket }: IncomingMessage, response: ServerResponse): void {
    // Even if it was not sent completely: once an answer is being sent, such as a stream of events, no work is left
    // when its client disconnects.
    if (this.#ready.has(response)) this.#end(socket, response);
  }

  /** Returns true if an answer is the last one that its connection has to send. */
  isLast({ socket }: IncomingMessage, response: ServerResponse): boolean {
    return [...(this.#due.get(socket) ?? [])].at(-1) === response;
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
  #sayWhetherLast({ raw }: FastifyRequest, reply: FastifyReply): void {
    if (this.isLast(raw, reply.raw)) {
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
