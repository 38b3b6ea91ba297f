import { protocols, Shares, type Listener, type Pace, type ShareLimits } from '../../live-counts/index.js';
import type { TokenError } from '../../access/token-error.js';

type Protocol = Listener['protocol'];

/** Says how often connections are looked at, in milliseconds. */
const SWEEP_INTERVAL = 1000;
/**
 * Limits how long a client may take to read what it was sent, in milliseconds: 1 MiB at 280 kbit/s, as for a request's
 * body.
 */
export const WRITE_DEADLINE = 30_000;

/** Lists why a client is not let in: its page's origin, or as many connections as it may have. */
export const refusalReasons = ['origin', 'connections'] as const;

/** Names a reason for which a client is not let in. */
export type RefusalReason = (typeof refusalReasons)[number];

/** One connection of a client that listens: a WebSocket, or a stream of events. */
export interface LiveConnection {
  readonly protocol: Protocol;
  /** Who listens; null: nobody yet, as a WebSocket has not begun. */
  readonly listener: Listener | null;
  /**
   * Looks whether it is still of use, at a moment by the pace; returns `slow` where its client has not read in time and
   * it was cut off.
   */
  sweep(now: number): 'slow' | undefined;
  /** Sends the client away for its token: with the close code 4403, or with an error and the end of its stream. */
  sendAway(error: TokenError): void;
}

/** The connections of one server: it bounds how many each client has, and ends those that are of no use or a burden. */
export class LiveConnections {
  /**
   * WebSockets that have not begun, apart from the others: nobody knows yet whose they are, and viewers must find a way
   * in.
   */
  readonly arrivals: Shares;
  readonly established: Shares;
  readonly #open = new Set<LiveConnection>();
  readonly #slowReaders = new Map<Protocol, number>(protocols.map(protocol => [protocol, 0]));
  readonly #refusals = new Map<RefusalReason, number>(refusalReasons.map(reason => [reason, 0]));
  #timer: NodeJS.Timeout | undefined;
  #recheck: (listeners: readonly Listener[]) => Promise<void> = () => Promise.resolve();
  #isRechecking = false;

  constructor(
    private readonly pace: Pace,
    limits: ShareLimits,
  ) {
    this.arrivals = new Shares('WebSockets without connection_init', limits, 'Close some, or try again later.');
    this.established = new Shares('connections', limits, 'Close some, or have several subscriptions by one WebSocket.');
  }

  /** Adds one, until the function that it returns is called. */
  add(connection: LiveConnection): () => void {
    this.#open.add(connection);
    // It must not keep a process alive that has nothing else to do.
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_INTERVAL).unref();
    return () => {
      this.#open.delete(connection);
      if (this.#open.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Has the listeners looked at every second, while there are any, but not before the look before has ended. */
  recheck(check: (listeners: readonly Listener[]) => Promise<void>): void {
    this.#recheck = check;
  }

  /** Returns those who listen now. */
  listeners(): Listener[] {
    return [...this.#open].flatMap(({ listener }) => listener ?? []);
  }

  /**
   * Sends a listener away for its token: all its subscriptions end, and its WebSocket is closed with 4403; its stream
   * of events ends with the error.
   */
  sendAway(listener: Listener, error: TokenError): void {
    for (const connection of this.#open) if (connection.listener === listener) connection.sendAway(error);
  }

  /** Counts a client that is not let in. */
  refuse(reason: RefusalReason): void {
    this.#refusals.set(reason, this.#refusals.get(reason)! + 1);
  }

  /** Counts a client that was cut off, as it did not read. */
  slow(protocol: Protocol): void {
    this.#slowReaders.set(protocol, this.#slowReaders.get(protocol)! + 1);
  }

  /** Returns how many connections there are by a protocol. */
  count(protocol: Protocol): number {
    let count = 0;
    for (const connection of this.#open) if (connection.protocol === protocol) count += 1;
    return count;
  }

  /** Returns how many clients of a protocol were cut off so far, as they did not read. */
  slowReaders(protocol: Protocol): number {
    return this.#slowReaders.get(protocol)!;
  }

  /** Returns how many clients were not let in so far, for a reason. */
  refusals(reason: RefusalReason): number {
    return this.#refusals.get(reason)!;
  }

  #sweep(): void {
    const now = this.pace.elapsed();
    for (const connection of this.#open) if (connection.sweep(now) === 'slow') this.slow(connection.protocol);
    if (this.#isRechecking) return;
    this.#isRechecking = true;
    void this.#recheck(this.listeners()).finally(() => (this.#isRechecking = false));
  }
}
