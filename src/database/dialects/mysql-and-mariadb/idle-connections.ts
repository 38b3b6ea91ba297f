/** One of the connections of mysql2's pool, with members that its types do not declare. */
interface PooledConnection {
  /** The moment when it was last returned, in milliseconds since 1970. */
  readonly lastActiveTime: number;
  /** Removes it from the pool and closes it properly, with the pool's option `gracefulEnd`. */
  readonly end: () => void;
}

/** A queue of mysql2. */
interface Ring<Item> {
  readonly length: number;
  readonly get: (index: number) => Item | undefined;
}

/** The members of mysql2's pool that its types do not declare. */
export interface Pool {
  readonly _allConnections: Ring<PooledConnection>;
  /** The free connections, the one that was returned first at the front. */
  readonly _freeConnections: Ring<PooledConnection>;
}

/**
 * The longest time for which an unused connection stays open, in milliseconds: less than the server keeps it (see
 * session-settings.ts).
 */
const MAX_IDLE_MS = 8000;

/** The time between two sweeps through the idle connections, in milliseconds. */
const IDLE_SWEEP_INTERVAL_MS = 2000;

/**
 * The idle connections of a pool, which are closed before the server closes them. While this process was suspended, the
 * server may have closed one, and this process does not know that yet; therefore they are also checked before each use.
 */
export class IdleConnections {
  #sweep: NodeJS.Timeout | undefined;
  /** The pool, once it has been found. */
  #pool: Pool | null = null;

  constructor(private readonly pool: () => Promise<Pool | null>) {}

  /** Closes the connections that have been idle for too long. Returns a promise at the first call only. */
  leaveOutStale(): Promise<void> | undefined {
    this.#sweep ??= setInterval(() => void this.leaveOutStale(), IDLE_SWEEP_INTERVAL_MS).unref();
    if (!this.#pool) return this.#learn();
    closeStale(this.#pool);
    return undefined;
  }

  /** Ends the sweeps. */
  stop(): void {
    clearInterval(this.#sweep);
    this.#sweep = undefined;
    this.#pool = null;
  }

  async #learn(): Promise<void> {
    const pool = await this.pool();
    if (!pool || !this.#sweep) return;
    this.#pool = pool;
    closeStale(pool);
  }
}

function closeStale({ _freeConnections: free }: Pool): void {
  for (let first = free.get(0); first && Date.now() - first.lastActiveTime > MAX_IDLE_MS; first = free.get(0))
    first.end();
}
