import { DatabaseSync } from 'node:sqlite';
import { CompiledQuery, SqliteDialect, SqliteDriver, type DatabaseConnection, type Driver, type SqliteDatabase, type TransactionSettings } from 'kysely';
import pRetry from 'p-retry';

/** Is what SQLite answers while another process writes (https://www.sqlite.org/rescode.html#busy). */
const SQLITE_BUSY = 5;
/** Limits how long one attempt may hold up the event loop, in milliseconds; node:sqlite waits synchronously. */
const BUSY_TIMEOUT = 50;
/** Limits how long a transaction waits for other processes before it fails, in milliseconds. */
const BEGIN_DEADLINE = 10_000;

/**
 * Opens an SQLite file through Node's own `node:sqlite`: WAL, foreign keys on, and transactions that begin IMMEDIATE.
 *
 * A deferred transaction that reads and then writes fails at once where another process wrote in between; an immediate
 * one waits for its turn before it reads. Kysely hands the one connection to one transaction at a time.
 */
export class NodeSqliteFileDialect extends SqliteDialect {
  readonly #path: string;

  constructor(path: string) {
    super({ database: () => Promise.resolve(open(path)) });
    this.#path = path;
  }

  override createDriver(): Driver {
    return new ImmediateDriver({ database: () => Promise.resolve(open(this.#path)) });
  }
}

class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    const begin = settings?.accessMode === 'read only' ? 'begin' : 'begin immediate';
    await pRetry(() => connection.executeQuery(CompiledQuery.raw(begin)), {
      retries: Number.POSITIVE_INFINITY,
      factor: 1.2,
      minTimeout: 2,
      maxTimeout: 50,
      randomize: true,
      maxRetryTime: BEGIN_DEADLINE,
      shouldRetry: ({ error }) => (error as { errcode?: number }).errcode === SQLITE_BUSY,
    });
  }
}

function open(path: string): SqliteDatabase {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT, enableForeignKeyConstraints: true });
  database.exec('pragma journal_mode = wal; pragma synchronous = full;');
  return {
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        reader: statement.columns().length > 0,
        all: parameters => statement.all(...(parameters as never[])),
        run: parameters => statement.run(...(parameters as never[])),
        get: (parameters: readonly unknown[]) => statement.get(...(parameters as never[])),
        iterate: parameters => statement.iterate(...(parameters as never[])) as IterableIterator<unknown>,
      };
    },
    close: () => database.close(),
  };
}
