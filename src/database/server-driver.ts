import type { Dictionary, EntityProperty, QueryResult } from '@mikro-orm/core';
import { MariaDbDriver } from '@mikro-orm/mariadb';
import { MySqlConnection, MySqlDriver } from '@mikro-orm/mysql';
import { CompiledQuery, type ControlConnectionProvider, type DatabaseConnection, type Dialect, type Driver, type QueryCompiler, type TransactionSettings } from 'kysely';
import { exactNumber } from '../counters/index.js';
import { WholeNumber } from '../entities/whole-number.js';
import { databaseKind } from './database-url.js';
import { Places } from './places.js';
import { withStatementLimit } from './statement-limit.js';
import { currentLimit, unlessStopped } from './time-limit.js';
import { Turn } from './turn.js';

/** MikroORM's connections to MySQL or MariaDB, whose statements keep to the time limit in force. */
export class LimitedConnection extends MySqlConnection {
  /** The places for connections; who waits for one waits here, and can stop waiting. */
  readonly places = new Places(this.config.get('pool').max!);

  override async createKyselyDialect(...parameters: Parameters<MySqlConnection['createKyselyDialect']>): ReturnType<MySqlConnection['createKyselyDialect']> {
    const dialect = await super.createKyselyDialect(...parameters);
    const kind = databaseKind(this.config.get('clientUrl')!) === 'mariadb' ? 'mariadb' : 'mysql';
    const limited: Dialect = {
      createAdapter: () => dialect.createAdapter(),
      createQueryCompiler: () => dialect.createQueryCompiler(),
      createIntrospector: database => dialect.createIntrospector(database),
      createDriver: () => new LimitedDriver(dialect.createDriver(), kind, this.places),
    };
    return limited as Awaited<ReturnType<MySqlConnection['createKyselyDialect']>>;
  }

  /** Runs a statement. Errors: UnsafeNumberError where a key or a count in its rows is beyond 2^53 − 1. */
  override async execute<Result extends QueryResult | Dictionary | Dictionary[]>(...parameters: Parameters<MySqlConnection['execute']>): Promise<Result> {
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
      [...this.metadata.getAll().values()].flatMap(({ props }) => props.filter(isWholeNumber).flatMap(({ fieldNames }) => fieldNames)),
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

/**
 * Kysely's driver with time limits. The signal that MikroORM and Kysely take would not do: a transaction begins without
 * one, which is where a connection is waited for, the statements of the counters do not get it, and Kysely prints the
 * failure of each statement that it has stopped.
 */
class LimitedDriver implements Driver {
  #hasStatementLimits: Promise<boolean> | undefined;

  constructor(
    private readonly inner: Driver,
    private readonly kind: 'mysql' | 'mariadb',
    private readonly places: Places,
  ) {}

  init(): Promise<void> {
    return this.inner.init();
  }

  async acquireConnection(): Promise<Turn> {
    const limit = currentLimit();
    const giveOn = await this.places.take(limit);
    const opening = this.#open(giveOn);
    try {
      return await unlessStopped(opening, limit);
    } catch (error) {
      // One that is opened too late, by a server that hangs, say, is for somebody else.
      void opening.then(turn => turn.release(), () => undefined);
      throw error;
    }
  }

  async #open(giveOn: () => void): Promise<Turn> {
    const limit = currentLimit();
    let connection: DatabaseConnection | undefined;
    try {
      const opened = (connection = await this.inner.acquireConnection());
      const hasLimits = limit !== undefined && (await this.#knowsStatementLimits(opened));
      const limited = (sql: string, milliseconds: number): string => (hasLimits ? withStatementLimit(this.kind, sql, milliseconds) : sql);
      const giveBack = (): void => {
        void this.inner.releaseConnection(opened);
        giveOn();
      };
      return new Turn(opened, limit, limited, giveBack, this.#control);
    } catch (error) {
      if (connection) void this.inner.releaseConnection(connection);
      giveOn();
      throw error;
    }
  }

  /** Returns false on a cluster of Galera, which replicates by threads that such a limit would end too. */
  #knowsStatementLimits(connection: DatabaseConnection): Promise<boolean> {
    if (this.kind === 'mysql') return Promise.resolve(true);
    return (this.#hasStatementLimits ??= connection.executeQuery<{ Value: string }>(CompiledQuery.raw("show variables like 'wsrep_on'")).then(
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
      turn.limit?.check();
      await this.inner.beginTransaction(turn.connection, settings);
    } catch (error) {
      turn.release(); // Kysely's controlled transactions keep a connection whose transaction did not begin.
      throw error;
    }
  }

  /** Commits, whatever the limit: once it was sent, only its answer says whether the changes are saved. */
  commitTransaction(turn: Turn): Promise<void> {
    return this.inner.commitTransaction(turn.connection);
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
    try {
      await this.inner.destroy();
    } catch (error) {
      // A connection that cannot be closed in order, such as one that is still being opened, has ended all the same; mysql2 calls such errors fatal.
      if ((error as { fatal?: boolean }).fatal !== true) throw error;
    }
  }
}
