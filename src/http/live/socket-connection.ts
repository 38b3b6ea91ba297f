import type { Socket } from 'node:net';
import { CloseCode } from 'graphql-ws';
import type { WebSocket } from 'ws';
import { SendQueue, type Subscriber } from '../../live-counts/index.js';
import { rejection, type TokenError } from '../../access/token-error.js';
import { MAX_UNREAD_MS, type LiveConnection } from './connections.js';
import type { LiveEndpoint } from './endpoint.js';

/**
 * The most bytes that may wait for a client before nothing more is read from it, because its messages cause answers.
 */
const MAX_WAITING_BYTES = 65_536;
/** The most messages of a client that are read within a second; the others wait in its socket. */
const MAX_MESSAGES_PER_SECOND = 200;
/** The longest time that a connection may be without a subscription, in milliseconds. */
const MAX_UNUSED_CONNECTION_MS = 60_000;
/** The longest reason of a close frame, in bytes. */
const MAX_REASON_BYTES = 123;
/** The time between two pings, in which a client must answer the first one, in milliseconds. */
const PING_INTERVAL_MS = 12_000;

/** Closes a WebSocket with a code and as much of the reason as fits into a close frame. */
export function closeWith(socket: WebSocket, code: number, reason: string): void {
  const bytes = Buffer.from(reason);
  // A character that is cut in two becomes U+FFFD, which takes three bytes.
  socket.close(
    code,
    bytes.length <= MAX_REASON_BYTES
      ? bytes
      : bytes
          .subarray(0, MAX_REASON_BYTES - 3)
          .toString()
          .replace(/\uFFFD$/, '…'),
  );
}

/** One WebSocket, held to limits because its client may send anything, at any rate, and never read. */
export class SocketConnection implements LiveConnection {
  readonly protocol = 'ws';
  /** The number of subscriptions that its client has requested. */
  subscriptions = 0;
  readonly sendQueue: SendQueue;
  readonly #gone = new AbortController();
  #subscriber: Subscriber | null = null;
  #releaseQuota: () => void;
  /** The number of messages that were sent but have not left yet, and the moment since which the first one waits. */
  #unread = 0;
  #unreadSince = 0;
  #activeAt: number;
  /** The number of messages that were handled since the last sweep. */
  #received = 0;
  /** The handlers of messages that wait: those in one packet arrive together, even if nothing more is read. */
  #held: (() => void)[] = [];
  #isTakingUp = false;
  #isAlive = true;

  /**
   * Takes an open WebSocket, its client's address, and the function that releases its part of the quota of WebSockets
   * whose client has not identified itself yet.
   */
  constructor(
    private readonly socket: WebSocket,
    private readonly endpoint: LiveEndpoint,
    readonly address: string,
    release: () => void,
  ) {
    this.#releaseQuota = release;
    this.#activeAt = endpoint.clock.elapsed();
    this.sendQueue = new SendQueue(() => endpoint.messageThrottle.next());
    const remove = endpoint.connections.add(this);
    const timer = setInterval(() => this.#ping(), PING_INTERVAL_MS).unref();
    socket.on('pong', () => (this.#isAlive = true));
    socket.once('close', () => {
      clearInterval(timer);
      this.#gone.abort();
      this.#held = [];
      remove();
      this.#releaseQuota();
      // graphql-ws knows one subscription for each id, but a client may have used one id for several.
      if (this.#subscriber) endpoint.counts.endSubscriptionsOf(this.#subscriber);
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
    // If the client has disconnected meanwhile, nothing would release the quota.
    if (this.socket.readyState !== this.socket.OPEN) return;
    const release = this.endpoint.connections.established.acquire(subscriber);
    this.#releaseQuota();
    this.#releaseQuota = release;
    this.#subscriber = subscriber;
    this.#activeAt = this.endpoint.clock.elapsed();
  }

  /** Sends a message; resolves when it has left, or at once if the connection is closed. */
  send(data: string): Promise<void> {
    const { socket, endpoint } = this;
    if (socket.readyState !== socket.OPEN) return Promise.resolve();
    if (this.#unread === 0) this.#unreadSince = endpoint.clock.elapsed();
    this.#unread += 1;
    return new Promise((resolve, reject) => {
      socket.send(data, error => {
        this.#unread -= 1;
        this.#unreadSince = endpoint.clock.elapsed();
        this.#takeUpNext();
        if (error) reject(error);
        else resolve();
      });
      this.#readOrPause();
    });
  }

  /** Sends messages by one write, which takes most of the time of a small message; resolves when they have left. */
  sendTogether(messages: readonly string[]): Promise<unknown> {
    const { _socket: stream } = this.socket as unknown as { readonly _socket: Socket | null };
    stream?.cork();
    const sent = messages.map(message => this.send(message));
    stream?.uncork();
    return Promise.all(sent);
  }

  /**
   * Handles a message of the client, or delays it and stops reading if the client sends too many messages or reads too
   * few.
   */
  receive(takeUp: () => void): void {
    this.#held.push(takeUp);
    this.#takeUpNext();
  }

  close(code: number, reason: string): void {
    closeWith(this.socket, code, reason);
  }

  disconnect(error: TokenError): void {
    this.close(CloseCode.Forbidden, error.message);
    if (this.#subscriber) this.endpoint.counts.endSubscriptionsOf(this.#subscriber);
  }

  sweep(now: number): 'slow' | undefined {
    if (this.#unread > 0 && now - this.#unreadSince >= MAX_UNREAD_MS) {
      // Not with a close frame, which would wait behind the unread messages.
      this.socket.terminate();
      return 'slow';
    }
    this.#received = 0;
    this.#takeUpNext();
    if (!this.#subscriber) return undefined;
    if (this.endpoint.isExpired(this.#subscriber)) this.disconnect(rejection('The token has expired. Get a new one.'));
    else if (this.endpoint.counts.has(this.#subscriber)) this.#activeAt = now;
    else if (now - this.#activeAt >= MAX_UNUSED_CONNECTION_MS)
      this.close(1000, `No subscription for ${MAX_UNUSED_CONNECTION_MS / 1000} s. Connect again to subscribe.`);
    return undefined;
  }

  /** Handles one message in each turn of the event loop, so that other clients are served in between. */
  #takeUpNext(): void {
    if (this.#isTakingUp) return;
    if (this.#hasRoom) {
      const next = this.#held.shift();
      if (next) {
        this.#received += 1;
        this.#isTakingUp = true;
        setImmediate(() => {
          this.#isTakingUp = false;
          this.#takeUpNext();
        });
        next();
      }
    }
    this.#readOrPause();
  }

  get #hasRoom(): boolean {
    return this.#received < MAX_MESSAGES_PER_SECOND && this.socket.bufferedAmount <= MAX_WAITING_BYTES;
  }

  #readOrPause(): void {
    if (!this.#hasRoom || this.#held.length > 0) this.socket.pause();
    else if (this.socket.isPaused) this.socket.resume();
  }

  /** Pings the client, and closes the connection if the last ping was not answered. */
  #ping(): void {
    if (!this.#isAlive) {
      if (this.#unread > 0) this.endpoint.connections.slow('ws');
      return this.socket.terminate();
    }
    this.#isAlive = false;
    this.socket.ping();
  }
}
