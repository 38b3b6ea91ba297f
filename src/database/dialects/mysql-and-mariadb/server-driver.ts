import type { Dictionary, EntityProperty, QueryResult } from '@mikro-orm/core';
import { MariaDbDriver } from '@mikro-orm/mariadb';
import { MySqlConnection, MySqlDriver } from '@mikro-orm/mysql';
import {
  CompiledQuery,
  type ControlConnectionProvider,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryCompiler,
  type TransactionSettings,
} from 'kysely';
import pRetry from 'p-retry';
import { exactNumber } from '../../../counters/index.js';
import { WholeNumber } from '../../../entities/whole-number.js';
import { cut } from '../../connections/cut.js';
import { faultOf } from '../../faults/database-errors.js';
import { databaseKind } from '../../texts/database-url.js';
import { IdleConnections, type Pool } from './idle-connections.js';
import { Places, type Release } from '../../connections/places.js';
import { laneOfTransaction, laneRules, type Lane } from '../../connections/purposes.js';
import { withStatementLimit } from './statement-limit.js';
import { currentLimit, unlessStopped, waitEnd, type TimeLimit } from '../../time-limits/time-limit.js';
import { Turn, type Taken } from '../../connections/turn.js';

/** MikroORM's connections to MySQL or MariaDB, whose statements keep to the time limit in force. */
export class LimitedConnection extends MySqlConnection {
  /** The places for connections; who waits for one waits here, and can stop waiting. */
  readonly places = new Places(this.config.get('pool').max!, laneRules);
  readonly #idle = new IdleConnections(async () =>
    this.connected ? ((await this.getNativeClient()) as unknown as Pool) : null,
  );

  override async createKyselyDialect(
    ...parameters: Parameters<MySqlConnection['createKyselyDialect']>
  ): ReturnType<MySqlConnection['createKyselyDialect']> {
    const dialect = await super.createKyselyDialect(...parameters);
    const kind = databaseKind(this.config.get('clientUrl')!) === 'mariadb' ? 'mariadb' : 'mysql';
    const limited: Dialect = {
      createAdapter: () => dialect.createAdapter(),
      createQueryCompiler: () => dialect.createQueryCompiler(),
      createIntrospector: database => dialect.createIntrospector(database),
      createDriver: () => new LimitedDriver(dialect.createDriver(), kind, this.places, this.#idle),
    };
    return limited as Awaited<ReturnType<MySqlConnection['createKyselyDialect']>>;
  }

  /** Runs a statement. Errors: UnsafeNumberError where a key or a count in its rows is beyond 2^53 − 1. */
  override async execute<Result extends QueryResult | Dictionary | Dictionary[]>(
    ...parameters: Parameters<MySqlConnection['execute']>
  ): Promise<Result> {
    const result = await super.execute<Result>(...parameters);
    this.#requireExact((Array.isArray(result) ? result : [result]) as readonly Dictionary[]);
    return result;
  }

  #requireExact(rows: readonly Dictionary[]): void {
    const columns = Object.keys(rows[0] ?? {}).filter(name => this.#wholeNumbers.has(name));
    for (const row of rows) for (const column of columns) exactNumber(row[column], `the column ${column}`);
  }

  /** The names of the columns that hold keys and counts, in whichever table. */
  get #wholeNumbers(): ReadonlySet<string> {
    return (this.#wholeNumberColumns ??= new Set(
      [...this.metadata.getAll().values()].flatMap(({ props }) =>
        props.filter(isWholeNumber).flatMap(({ fieldNames }) => fieldNames),
      ),
    ));
  }
  #wholeNumberColumns: ReadonlySet<string> | undefined;
}

/** Returns true for a key, a count, and a reference to a key. */
function isWholeNumber({ customType, targetMeta }: EntityProperty): boolean {
  return customType instanceof WholeNumber || (targetMeta?.getPrimaryProps().some(isWholeNumber) ?? false);
}

/** MikroORM's driver for MySQL with such connections. */
export class LimitedMySqlDriver extends MySqlDriver {
  protected override readonly connection = new LimitedConnection(this.config);
}

/** MikroORM's driver for MariaDB with such connections. */
export class LimitedMariaDbDriver extends MariaDbDriver {
  protected override readonly connection = new LimitedConnection(this.config);
}

/** How long a connection is asked for again and again, where the server takes no more of them, in milliseconds. */
const MAX_CROWDED_MS = 5000;

/**
 * How soon after connections were found to lead to a server that takes no changes others are given up for it, in
 * milliseconds.
 */
const MIN_OUTDATED_MS = 1000;

/**
 * Kysely's driver with time limits. The signal that MikroORM and Kysely take would not do: a transaction begins without
 * one, which is where a connection is waited for, the statements of the counters do not get it, and Kysely prints the
 * failure of each statement that it has stopped.
 */
class LimitedDriver implements Driver {
  #hasStatementLimits: Promise<boolean> | undefined;
  /** When each connection was opened, and before when they are outdated, by the process's clock. */
  readonly #openedAt = new WeakMap<DatabaseConnection, number>();
  #outdatedBefore = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly inner: Driver,
    private readonly kind: 'mysql' | 'mariadb',
    private readonly places: Places<Lane>,
    private readonly idle: IdleConnections,
  ) {}

  init(): Promise<void> {
    return this.inner.init();
  }

  /** Gives a turn that takes a connection as it begins: only then is it known what for. */
  acquireConnection(): Promise<Turn> {
    const limit = currentLimit();
    return Promise.resolve(new Turn(limit, lane => this.#take(lane, limit), this.#control, this.#lookAt));
  }

  async #take(lane: Lane, limit: TimeLimit | undefined): Promise<Taken> {
    const giveOn = await this.places.take(lane, limit);
    const opening = this.#open(giveOn, limit);
    try {
      return await unlessStopped(opening, limit);
    } catch (error) {
      // One that is opened too late, by a server that hangs, say, is for somebody else.
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
      const learning = this.idle.leaveOutStale();
      if (learning) await learning;
      const opened = (connection = await this.#connect(limit));
      const hasLimits = limit !== undefined && (await this.#knowsStatementLimits(opened));
      return {
        connection: opened,
        limited: (sql, milliseconds) => (hasLimits ? withStatementLimit(this.kind, sql, milliseconds) : sql),
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
      faultOf(error)?.kind === 'crowded' && limit?.signal.aborted !== true;
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
   * Looks at an error of a statement. A server that takes no changes may be one that was the primary until now: whoever
   * connects anew is led to the new one, so all connections that there are now are given up, each when it is next asked
   * for.
   */
  readonly #lookAt = (error: unknown): void => {
    const now = performance.now();
    if (faultOf(error)?.kind === 'read_only' && now - this.#outdatedBefore > MIN_OUTDATED_MS)
      this.#outdatedBefore = now;
  };

  /** Returns false on a cluster of Galera, which replicates by threads that such a limit would end too. */
  #knowsStatementLimits(connection: DatabaseConnection): Promise<boolean> {
    if (this.kind === 'mysql') return Promise.resolve(true);
    return (this.#hasStatementLimits ??= connection
      .executeQuery<{ Value: string }>(CompiledQuery.raw("show variables like 'wsrep_on'"))
      .then(
        ({ rows }) => rows[0]?.Value !== 'ON',
        (error: unknown) => {
          this.#hasStatementLimits = undefined;
          throw error;
        },
      ));
  }

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
    this.idle.stop();
    try {
      await this.inner.destroy();
    } catch (error) {
      // A connection that could not be closed in order, such as one that was still being opened, has ended all the
      // same.
      if (faultOf(error)?.kind !== 'disconnected') throw error;
    }
  }
}
