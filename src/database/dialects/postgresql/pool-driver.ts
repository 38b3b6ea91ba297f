import { PostgresDriver, type CompiledQuery, type DatabaseConnection, type QueryResult } from 'kysely';
import { Client, type Pool, type PoolClient, type PoolConfig, type QueryResult as PgResult } from 'pg';
import { withoutConnection } from './errors.js';

/** The members of pg's connections that its types do not declare. */
interface UntypedClient {
  /** The number of the server's process. */
  readonly processID: number;
  readonly connection: { readonly stream: { readonly destroy: () => void } };
  /** False once the connection has ended. */
  readonly _queryable: boolean;
}

/** A pool with the options of its connections, which its types do not declare. */
type ConfiguredPool = Pool & { readonly options: PoolConfig };

/** A connection to PostgreSQL, as Kysely uses it. Errors of a connection that has ended are marked. */
class PoolConnection implements DatabaseConnection {
  readonly #session: UntypedClient;
  /** True while a statement is in progress. */
  #isBusy = false;

  constructor(
    readonly client: PoolClient,
    private readonly options: PoolConfig,
  ) {
    this.#session = client as unknown as UntypedClient;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { command, rowCount, rows } = await this.run(sql, parameters);
    return {
      ...(['INSERT', 'UPDATE', 'DELETE', 'MERGE'].includes(command) && { numAffectedRows: BigInt(rowCount ?? 0) }),
      rows: (rows ?? []) as Row[],
    };
  }

  /** Runs a statement, and returns pg's own result. */
  async run(sql: string, parameters: readonly unknown[] = []): Promise<PgResult> {
    this.#isBusy = true;
    try {
      return await this.client.query(sql, [...parameters]);
    } catch (error) {
      const { _queryable: isOpen } = this.#session;
      throw isOpen ? error : withoutConnection(error);
    } finally {
      this.#isBusy = false;
    }
  }

  /** Reads all rows at once: nothing of this program reads them one by one. */
  async *streamQuery<Row>(query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    yield await this.executeQuery<Row>(query);
  }

  /** The number of the session is known since it began. */
  collectSessionInfo(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends the statement in progress over another connection, of its own: all others may be in use. */
  async cancelQuery(): Promise<void> {
    if (!this.#isBusy) return;
    const control = new Client(this.options);
    control.on('error', () => undefined);
    try {
      await control.connect();
      if (this.#isBusy) await control.query('select pg_cancel_backend($1)', [this.#session.processID]);
    } finally {
      void control.end().catch(() => undefined);
    }
  }

  /** Closes this side of the connection, which is then of no use. The server notices it, even during a statement. */
  killSession(): Promise<void> {
    this.#session.connection.stream.destroy();
    return Promise.resolve();
  }

  /** Returns the connection to its pool, which closes it if it has ended. */
  release(isOfNoUse = false): void {
    this.client.release(isOfNoUse);
  }
}

/** Kysely's driver for PostgreSQL with connections that can be ended, and errors that say so. */
export class PoolDriver extends PostgresDriver {
  readonly #connections = new WeakMap<PoolClient, PoolConnection>();

  constructor(
    private readonly pool: Pool,
    private readonly onCreate: (connection: DatabaseConnection) => Promise<void>,
  ) {
    super({ pool });
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const client = await this.pool.connect().catch((error: unknown) => {
      throw withoutConnection(error);
    });
    const known = this.#connections.get(client);
    if (known) return known;
    const connection = new PoolConnection(client, (this.pool as ConfiguredPool).options);
    try {
      await this.onCreate(connection);
    } catch (error) {
      connection.release(true);
      throw error;
    }
    this.#connections.set(client, connection);
    return connection;
  }

  /**
   * Commits. Errors: the state in_failed_sql_transaction if the server has rolled back instead, because a statement had
   * failed: it says so, but not as an error.
   */
  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const { command } = await (connection as PoolConnection).run('commit');
    if (command !== 'ROLLBACK') return;
    throw Object.assign(
      new Error('The transaction was rolled back at its COMMIT, because one of its statements failed.'),
      {
        code: '25P02',
        severity: 'ERROR',
      },
    );
  }

  override releaseConnection(connection: DatabaseConnection): Promise<void> {
    (connection as PoolConnection).release();
    return Promise.resolve();
  }
}
