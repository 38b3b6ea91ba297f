import type { ControlConnectionProvider, DatabaseConnection, Driver, QueryCompiler, TransactionSettings } from 'kysely';
import pRetry from 'p-retry';
import type { Fault } from '../faults/fault.js';
import { currentLimit, unlessStopped, type TimeLimit } from '../time-limits/time-limit.js';
import { waitEnd } from '../time-limits/waits.js';
import { cut } from './cut.js';
import type { Places, Release } from './places.js';
import { laneOfTransaction, type Lane } from './purposes.js';
import { Turn, type Taken } from './turn.js';

/** The limits by which a server itself ends statements that take too long. */
export interface StatementLimits {
  /** Returns false for a server that must not do that. */
  readonly areKnown: (connection: DatabaseConnection) => Promise<boolean>;
  /** Returns the text of a statement that the server ends after so many milliseconds. */
  readonly limited: (sql: string, milliseconds: number) => string;
}

/** The properties of a server that the driver needs. */
export interface Server {
  readonly statementLimits: StatementLimits;
  readonly faultOf: (error: unknown) => Fault | null;
  /** Called before each use of a connection; returns what is to be waited for first, if anything. */
  readonly beforeUse: () => Promise<void> | undefined;
  /** Called when the connections are closed for good. */
  readonly closed: () => void;
}

/**
 * The longest time for which a connection is requested again while the server takes no more of them, in milliseconds.
 */
const MAX_CROWDED_MS = 5000;

/**
 * The shortest time between two moments at which all connections are given up because they lead to a server that takes
 * no changes, in milliseconds.
 */
const MIN_OUTDATED_MS = 1000;

/**
 * Kysely's driver with time limits. The signal that MikroORM and Kysely take would not do: a transaction begins without
 * one, which is where a connection is waited for, the statements of the counters do not get it, and Kysely prints the
 * failure of each statement that it has stopped.
 */
export class LimitedDriver implements Driver {
  /**
   * The moments at which each connection was opened, and before which connections are outdated, by the process's clock.
   */
  readonly #openedAt = new WeakMap<DatabaseConnection, number>();
  #outdatedBefore = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly inner: Driver,
    private readonly places: Places<Lane>,
    private readonly server: Server,
  ) {}

  init(): Promise<void> {
    return this.inner.init();
  }

  /** Returns a turn that takes a connection as it begins: only then is it known what for. */
  acquireConnection(): Promise<Turn> {
    const limit = currentLimit();
    return Promise.resolve(new Turn(limit, lane => this.#take(lane, limit), this.#control, this.#note));
  }

  async #take(lane: Lane, limit: TimeLimit | undefined): Promise<Taken> {
    const giveOn = await this.places.take(lane, limit);
    const opening = this.#open(giveOn, limit);
    try {
      return await unlessStopped(opening, limit);
    } catch (error) {
      // A connection that is opened too late, as by a server that hangs, goes to the next caller.
      void opening.then(
        taken => taken.giveBack(),
        () => undefined,
      );
      throw error;
    }
  }

  async #open(giveOn: Release, limit: TimeLimit | undefined): Promise<Taken> {
    let connection: DatabaseConnection | undefined;
    try {
      const learning = this.server.beforeUse();
      if (learning) await learning;
      const opened = (connection = await this.#connect(limit));
      const hasLimits = limit !== undefined && (await this.server.statementLimits.areKnown(opened));
      return {
        connection: opened,
        limited: (sql, milliseconds) => (hasLimits ? this.server.statementLimits.limited(sql, milliseconds) : sql),
        giveBack: () => {
          void this.inner.releaseConnection(opened);
          giveOn();
        },
      };
    } catch (error) {
      if (connection) void this.inner.releaseConnection(connection);
      giveOn();
      throw error;
    }
  }

  /**
   * Returns a connection that is not outdated. Where the server takes no more of them, it is asked again for a while.
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
      await cut(connection);
    }
  }

  /**
   * Notes an error of a statement, and returns what it means. A server that takes no changes may be one that was the
   * primary until now: a new connection leads to the new one, so all connections that there are now are given up, each
   * when it is next asked for.
   */
  readonly #note = (error: unknown): Fault | null => {
    const fault = this.server.faultOf(error);
    const now = performance.now();
    if (fault?.kind === 'read_only' && now - this.#outdatedBefore > MIN_OUTDATED_MS) this.#outdatedBefore = now;
    return fault;
  };

  /** Lends a connection to kill a statement by, where MikroORM does not open one for that. */
  readonly #control: ControlConnectionProvider = async use => {
    const connection = await this.inner.acquireConnection();
    try {
      await use(connection);
    } finally {
      await this.inner.releaseConnection(connection);
    }
  };

  async beginTransaction(turn: Turn, settings: TransactionSettings): Promise<void> {
    try {
      const { connection } = await turn.take(laneOfTransaction(settings.accessMode === 'read only'));
      turn.limit?.check();
      await this.inner.beginTransaction(connection, settings);
    } catch (error) {
      turn.release(); // Kysely's controlled transactions keep a connection whose transaction did not begin.
      throw error;
    }
  }

  /** Commits, whatever the limit: once it was sent, only its answer says whether the changes are saved. */
  commitTransaction(turn: Turn): Promise<void> {
    return turn.noting(this.inner.commitTransaction(turn.connection));
  }

  async rollbackTransaction(turn: Turn): Promise<void> {
    try {
      await turn.settled;
      // Where the connection was cut, the server rolls back by itself.
      if (!turn.isCut) await this.inner.rollbackTransaction(turn.connection);
    } catch (error) {
      turn.release(); // Nor do they give one back whose transaction did not roll back.
      throw error;
    }
  }

  savepoint(turn: Turn, name: string, compileQuery: QueryCompiler['compileQuery']): Promise<void> {
    return this.inner.savepoint!(turn, name, compileQuery);
  }

  rollbackToSavepoint(turn: Turn, name: string, compileQuery: QueryCompiler['compileQuery']): Promise<void> {
    return this.inner.rollbackToSavepoint!(turn, name, compileQuery);
  }

  releaseSavepoint(turn: Turn, name: string, compileQuery: QueryCompiler['compileQuery']): Promise<void> {
    return this.inner.releaseSavepoint!(turn, name, compileQuery);
  }

  releaseConnection(turn: Turn): Promise<void> {
    turn.release();
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    this.server.closed();
    try {
      await this.inner.destroy();
    } catch (error) {
      // A connection that could not be closed in order, such as one that was still being opened, has ended all the
      // same.
      if (this.server.faultOf(error)?.kind !== 'disconnected') throw error;
    }
  }
}
