import type { ControlConnectionProvider, DatabaseConnection, Driver, QueryCompiler, TransactionSettings } from 'kysely';
import pRetry from 'p-retry';
import type { Fault } from '../faults/fault.js';
import { currentLimit, unlessStopped, type TimeLimit } from '../time-limits/time-limit.js';
import { waitEnd } from '../time-limits/waits.js';
import { abandon } from './abandon-connection.js';
import type { ConnectionSlots, Release } from './connection-slots.js';
import { laneOfTransaction, type Lane } from './purposes.js';
import { ConnectionLease, type AcquiredConnection } from './connection-lease.js';

/** A function that returns the text of a statement that the server ends after the given milliseconds. */
type Limited = AcquiredConnection['limited'];

/** The limits by which a server itself ends statements that take too long. */
export interface StatementLimits {
  /**
   * Prepares a connection, in no transaction, for statements that have a time limit, of which some milliseconds are left,
   * or none (null). Returns the function that adds the limit of a statement, in milliseconds, to its text, if it belongs
   * there.
   */
  readonly prepare: (connection: DatabaseConnection, milliseconds: number | null) => Promise<Limited>;
}

/** The properties of a server that the driver needs. */
export interface Server {
  readonly statementLimits: StatementLimits;
  readonly faultOf: (error: unknown) => Fault | null;
  /** Called before each use of a connection; returns what must be awaited first, if anything. */
  readonly beforeUse: () => Promise<void> | undefined;
  /** Called when the connections are closed for good. */
  readonly closed: () => void;
}

/**
 * The longest time for which a connection is requested again while the server refuses further ones, in milliseconds.
 */
const MAX_CROWDED_MS = 5000;

/**
 * The shortest time, in milliseconds, between two moments at which all connections are given up because they lead to a
 * server that accepts no changes.
 */
const MIN_OUTDATED_MS = 1000;

/**
 * Kysely's driver with time limits. The signals of MikroORM and Kysely are not enough: a transaction begins without
 * one, although it then waits for a connection; the statements of the counters do not receive it; and Kysely prints the
 * failure of each statement that it has stopped.
 */
export class LimitedDriver implements Driver {
  /**
   * The moment at which each connection was opened, and the moment before which connections are outdated, both by the
   * process's clock.
   */
  readonly #openedAt = new WeakMap<DatabaseConnection, number>();
  #outdatedBefore = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly inner: Driver,
    private readonly slots: ConnectionSlots<Lane>,
    private readonly server: Server,
  ) {}

  init(): Promise<void> {
    return this.inner.init();
  }

  /** Returns a lease that takes a connection with its first statement, because its purpose is not known earlier. */
  acquireConnection(): Promise<ConnectionLease> {
    const limit = currentLimit();
    return Promise.resolve(new ConnectionLease(limit, lane => this.#take(lane, limit), this.#control, this.#note));
  }

  async #take(lane: Lane, limit: TimeLimit | undefined): Promise<AcquiredConnection> {
    const admitNext = await this.slots.take(lane, limit);
    const opening = this.#open(admitNext, limit);
    try {
      return await unlessStopped(opening, limit);
    } catch (error) {
      // A connection that opens too late, for example because the server hangs, goes to the next caller.
      void opening.then(
        taken => taken.release(),
        () => undefined,
      );
      throw error;
    }
  }

  async #open(admitNext: Release, limit: TimeLimit | undefined): Promise<AcquiredConnection> {
    let connection: DatabaseConnection | undefined;
    try {
      const learning = this.server.beforeUse();
      if (learning) await learning;
      const opened = (connection = await this.#connect(limit));
      const limited = await this.server.statementLimits.prepare(opened, limit?.millisecondsLeft ?? null);
      return {
        connection: opened,
        limited,
        release: () => {
          void this.inner.releaseConnection(opened);
          admitNext();
        },
      };
    } catch (error) {
      if (connection) void this.inner.releaseConnection(connection);
      admitNext();
      throw error;
    }
  }

  /**
   * Returns a connection that is not outdated. While the server refuses further connections, it tries again for a
   * limited time.
   */
  async #connect(limit: TimeLimit | undefined): Promise<DatabaseConnection> {
    const end = waitEnd(MAX_CROWDED_MS);
    const isToAskAgain = (error: unknown): boolean =>
      this.server.faultOf(error)?.kind === 'crowded' && limit?.signal.aborted !== true;
    for (;;) {
      const connection = await this.inner.acquireConnection().catch((first: unknown) => {
        if (!isToAskAgain(first)) throw first;
        return pRetry(() => this.inner.acquireConnection(), {
          retries: Number.POSITIVE_INFINITY,
          factor: 1.5,
          minTimeout: 10,
          maxTimeout: 250,
          randomize: true,
          maxRetryTime: Math.max(0, end - performance.now()),
          shouldRetry: ({ error }) => isToAskAgain(error),
        });
      });
      const openedAt = this.#openedAt.get(connection) ?? performance.now();
      this.#openedAt.set(connection, openedAt);
      if (openedAt >= this.#outdatedBefore) return connection;
      await abandon(connection);
    }
  }

  /**
   * Records an error of a statement, and returns what it means. A server that accepts no changes may have been the
   * primary until now, and new connections lead to the new primary. So all existing connections are given up, each when
   * it is next requested.
   */
  readonly #note = (error: unknown): Fault | null => {
    const fault = this.server.faultOf(error);
    const now = performance.now();
    if (fault?.kind === 'read_only' && now - this.#outdatedBefore > MIN_OUTDATED_MS) this.#outdatedBefore = now;
    return fault;
  };

  /** Lends a connection on which to kill a statement, instead of one that MikroORM would open for it. */
  readonly #control: ControlConnectionProvider = async use => {
    const connection = await this.inner.acquireConnection();
    try {
      await use(connection);
    } finally {
      await this.inner.releaseConnection(connection);
    }
  };

  async beginTransaction(lease: ConnectionLease, settings: TransactionSettings): Promise<void> {
    try {
      const { connection } = await lease.take(laneOfTransaction(settings.accessMode === 'read only'));
      lease.limit?.check();
      await this.inner.beginTransaction(connection, settings);
    } catch (error) {
      lease.release(); // Kysely's controlled transactions do not return a connection whose transaction did not begin.
      throw error;
    }
  }

  /** Commits, whatever the limit: once COMMIT was sent, only the answer tells whether the changes are saved. */
  commitTransaction(lease: ConnectionLease): Promise<void> {
    return lease.noting(this.inner.commitTransaction(lease.connection));
  }

  async rollbackTransaction(lease: ConnectionLease): Promise<void> {
    try {
      await lease.settled;
      // If the connection was abandoned, the server rolls back by itself.
      if (!lease.isAbandoned) await this.inner.rollbackTransaction(lease.connection);
    } catch (error) {
      lease.release(); // Nor do they return a connection whose transaction did not roll back.
      throw error;
    }
  }

  savepoint(lease: ConnectionLease, name: string, compileQuery: QueryCompiler['compileQuery']): Promise<void> {
    return this.inner.savepoint!(lease, name, compileQuery);
  }

  rollbackToSavepoint(
    lease: ConnectionLease,
    name: string,
    compileQuery: QueryCompiler['compileQuery'],
  ): Promise<void> {
    return this.inner.rollbackToSavepoint!(lease, name, compileQuery);
  }

  releaseSavepoint(lease: ConnectionLease, name: string, compileQuery: QueryCompiler['compileQuery']): Promise<void> {
    return this.inner.releaseSavepoint!(lease, name, compileQuery);
  }

  releaseConnection(lease: ConnectionLease): Promise<void> {
    lease.release();
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    this.server.closed();
    try {
      await this.inner.destroy();
    } catch (error) {
      // A connection that could not be closed properly, for example because it was still being opened, has ended
      // nevertheless.
      if (this.server.faultOf(error)?.kind !== 'disconnected') throw error;
    }
  }
}
