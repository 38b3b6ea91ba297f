import { ClientQuota, protocols, type Clock, type QuotaLimits, type Subscriber } from '../../live-counts/index.js';
import type { TokenError } from '../../access/token-error.js';

type Protocol = Subscriber['protocol'];

/** The time between two checks of all connections, in milliseconds. */
const LIVE_CHECK_INTERVAL_MS = 1000;
/**
 * The longest time that a client may take to read what it was sent, in milliseconds: 1 MiB at 280 kbit/s, as for a
 * request's body.
 */
export const MAX_UNREAD_MS = 30_000;

/** The time after which a rejected client may try again, in seconds. */
export const REJECTED_RETRY_AFTER_SECONDS = 5;

/** The reasons for rejecting a client: the origin of its page, or too many connections. */
export const refusalReasons = ['origin', 'connections'] as const;

/** A reason for rejecting a client. */
export type RefusalReason = (typeof refusalReasons)[number];

/** One connection of a client that subscribes: a WebSocket, or a stream of events. */
export interface LiveConnection {
  readonly protocol: Protocol;
  /** The connection as a subscriber; null if a WebSocket's client has not identified itself yet. */
  readonly subscriber: Subscriber | null;
  /**
   * Closes the connection if it is idle, expired or not read; `now` is the elapsed time of the clock. Returns `slow` if
   * it was closed because its client did not read in time.
   */
  readonly sweep: (now: number) => 'slow' | undefined;
  /** Disconnects the client because of its token: with the close code 4403, or with an error that ends its stream. */
  readonly disconnect: (error: TokenError) => void;
}

/** The connections of one server. It limits how many each client has, and closes those that are idle or not read. */
export class LiveConnections {
  /**
   * The quota of WebSockets whose client has not identified itself yet. They are counted apart, so that they cannot use
   * up the connections of viewers.
   */
  readonly arrivals: ClientQuota;
  readonly established: ClientQuota;
  readonly #open = new Set<LiveConnection>();
  readonly #slowReaders = new Map<Protocol, number>(protocols.map(protocol => [protocol, 0]));
  readonly #refusals = new Map<RefusalReason, number>(refusalReasons.map(reason => [reason, 0]));
  #timer: NodeJS.Timeout | undefined;
  #recheck: (subscribers: readonly Subscriber[]) => Promise<void> = () => Promise.resolve();
  #isRechecking = false;

  constructor(
    private readonly clock: Clock,
    limits: QuotaLimits,
  ) {
    this.arrivals = new ClientQuota('WebSockets without connection_init', limits, 'Close some, or try again later.');
    this.established = new ClientQuota(
      'connections',
      limits,
      'Close some, or use one WebSocket for several subscriptions.',
    );
  }

  /** Adds a connection, until the returned function is called. */
  add(connection: LiveConnection): () => void {
    this.#open.add(connection);
    // It must not keep the process alive.
    this.#timer ??= setInterval(() => this.#sweep(), LIVE_CHECK_INTERVAL_MS).unref();
    return () => {
      this.#open.delete(connection);
      if (this.#open.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Sets the check of subscribers that is made every second while there are any; the next one waits for the last one. */
  recheck(check: (subscribers: readonly Subscriber[]) => Promise<void>): void {
    this.#recheck = check;
  }

  /** Returns the current subscribers. */
  subscribers(): Subscriber[] {
    return [...this.#open].flatMap(({ subscriber }) => subscriber ?? []);
  }

  /**
   * Disconnects a subscriber because of its token: all its subscriptions end, its WebSocket is closed with 4403, and its
   * stream of events ends with the error.
   */
  disconnect(subscriber: Subscriber, error: TokenError): void {
    for (const connection of this.#open) if (connection.subscriber === subscriber) connection.disconnect(error);
  }

  /** Counts a rejected client. */
  refuse(reason: RefusalReason): void {
    this.#refusals.set(reason, this.#refusals.get(reason)! + 1);
  }

  /** Counts a client that was disconnected because it did not read. */
  slow(protocol: Protocol): void {
    this.#slowReaders.set(protocol, this.#slowReaders.get(protocol)! + 1);
  }

  /** Returns the number of connections by a protocol. */
  count(protocol: Protocol): number {
    let count = 0;
    for (const connection of this.#open) if (connection.protocol === protocol) count += 1;
    return count;
  }

  /** Returns how many clients of a protocol were disconnected so far because they did not read. */
  slowReaders(protocol: Protocol): number {
    return this.#slowReaders.get(protocol)!;
  }

  /** Returns how many clients were rejected so far for a reason. */
  refusals(reason: RefusalReason): number {
    return this.#refusals.get(reason)!;
  }

  #sweep(): void {
    const now = this.clock.elapsed();
    for (const connection of this.#open) if (connection.sweep(now) === 'slow') this.slow(connection.protocol);
    if (this.#isRechecking) return;
    this.#isRechecking = true;
    void this.#recheck(this.subscribers()).finally(() => (this.#isRechecking = false));
  }
}
