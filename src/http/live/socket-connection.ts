import { CloseCode } from 'graphql-ws';
import type { WebSocket } from 'ws';
import { Outlet, type Listener } from '../../live-counts/index.js';
import { rejection, type TokenError } from '../../access/token-error.js';
import { WRITE_DEADLINE, type LiveConnection } from './connections.js';
import type { LiveEndpoint } from './endpoint.js';

/**
 * Limits what waits for a client before nothing more is read of it, in bytes: answers to it are made of what it sends.
 */
const MAX_WAITING_BYTES = 65_536;
/** Limits the messages of a client that are read within a second; the others wait in its own socket. */
const MAX_MESSAGES_PER_SECOND = 200;
/** Limits how long a connection may have no subscription, in milliseconds. */
const IDLE_TIMEOUT = 60_000;
/** Limits the reason of a close frame, in bytes. */
const MAX_REASON_BYTES = 123;
/** Is how often a client is asked for a sign of life, and how long it has for it, in milliseconds. */
const KEEP_ALIVE = 12_000;

/** Closes a WebSocket, with as much of the reason as a close frame holds. */
export function closeWith(socket: WebSocket, code: number, reason: string): void {
  const bytes = Buffer.from(reason);
  // A character that is cut in two becomes one of three bytes that says so.
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

/** One WebSocket, whose client may send what it likes, as fast as it likes, and never read. */
export class SocketConnection implements LiveConnection {
  readonly protocol = 'ws';
  /** Counts the subscriptions that it has begun. */
  subscriptions = 0;
  readonly outlet: Outlet;
  readonly #gone = new AbortController();
  #listener: Listener | null = null;
  #giveBack: () => void;
  /** Counts the messages that have been sent and not left, and says since when the first of them waits. */
  #unread = 0;
  #unreadSince = 0;
  #activeAt: number;
  /** Counts the messages that were taken up since the last look. */
  #received = 0;
  /** Holds those that came with them and wait: what is in one packet comes all at once, though nothing more is read. */
  #held: (() => void)[] = [];
  #isTakingUp = false;
  #isAlive = true;

  /**
   * Takes a WebSocket that is open, its client's address, and what gives back its share of those that have not begun.
   */
  constructor(
    private readonly socket: WebSocket,
    private readonly endpoint: LiveEndpoint,
    readonly address: string,
    giveBack: () => void,
  ) {
    this.#giveBack = giveBack;
    this.#activeAt = endpoint.pace.elapsed();
    this.outlet = new Outlet(() => endpoint.turns.next());
    const remove = endpoint.connections.add(this);
    const timer = setInterval(() => this.#askForLife(), KEEP_ALIVE).unref();
    socket.on('pong', () => (this.#isAlive = true));
    socket.once('close', () => {
      clearInterval(timer);
      this.#gone.abort();
      this.#held = [];
      remove();
      this.#giveBack();
      // The package knows one for each id, and a client may have given one id to several.
      if (this.#listener) endpoint.counts.endOf(this.#listener);
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
    // Of one that has gone meanwhile nobody would give the share back.
    if (this.socket.readyState !== this.socket.OPEN) return;
    const giveBack = this.endpoint.connections.established.take(listener);
    this.#giveBack();
    this.#giveBack = giveBack;
    this.#listener = listener;
    this.#activeAt = this.endpoint.pace.elapsed();
  }

  /** Sends a message; comes back when it has left, or at once where the connection is closed. */
  send(data: string): Promise<void> {
    const { socket, endpoint } = this;
    if (socket.readyState !== socket.OPEN) return Promise.resolve();
    if (this.#unread === 0) this.#unreadSince = endpoint.pace.elapsed();
    this.#unread += 1;
    return new Promise((resolve, reject) => {
      socket.send(data, error => {
        this.#unread -= 1;
        this.#unreadSince = endpoint.pace.elapsed();
        this.#takeUpNext();
        if (error) reject(error);
        else resolve();
      });
      this.#readOrPause();
    });
  }

  /**
   * Takes a message of the client up, or later where it sends too many, or reads too few; nothing more is read until
   * then.
   */
  receive(takeUp: () => void): void {
    this.#held.push(takeUp);
    this.#takeUpNext();
  }

  close(code: number, reason: string): void {
    closeWith(this.socket, code, reason);
  }

  sendAway(error: TokenError): void {
    this.close(CloseCode.Forbidden, error.message);
    if (this.#listener) this.endpoint.counts.endOf(this.#listener);
  }

  sweep(now: number): 'slow' | undefined {
    if (this.#unread > 0 && now - this.#unreadSince >= WRITE_DEADLINE) {
      // Not by a close frame, which would wait behind what is not read.
      this.socket.terminate();
      return 'slow';
    }
    this.#received = 0;
    this.#takeUpNext();
    if (!this.#listener) return undefined;
    if (this.endpoint.isExpired(this.#listener)) this.sendAway(rejection('The token has expired. Get a new one.'));
    else if (this.endpoint.counts.has(this.#listener)) this.#activeAt = now;
    else if (now - this.#activeAt >= IDLE_TIMEOUT)
      this.close(1000, `No subscription for ${IDLE_TIMEOUT / 1000} s. Connect again to subscribe.`);
    return undefined;
  }

  /** One message in each turn of the event loop, so that others are served between them. */
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

  /** Asks the client for a sign of life, and ends the connection where it gave none to the last question. */
  #askForLife(): void {
    if (!this.#isAlive) {
      if (this.#unread > 0) this.endpoint.connections.slow('ws');
      return this.socket.terminate();
    }
    this.#isAlive = false;
    this.socket.ping();
  }
}
