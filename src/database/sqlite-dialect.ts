import { setImmediate as turn } from 'node:timers/promises';
import {
  CompiledQuery,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  type DatabaseConnection,
  type DialectAdapter,
  type Driver,
  type QueryResult,
  type SqliteDatabase,
  type TransactionSettings,
} from 'kysely';
import pRetry from 'p-retry';
import { UnsafeNumberError } from '../counters/index.js';
import { FOLD, foldedText } from './folded-text.js';
import { Places, type Release } from './places.js';
import { Checkpoints } from './sqlite-checkpoint.js';
import { isBusy, openFile, type MayChange } from './sqlite-file.js';
import { currentLimit, type TimeLimit } from './time-limit.js';

/**
 * Opens an SQLite file through Node's own `node:sqlite`: WAL, foreign keys on, and transactions that begin IMMEDIATE. A file
 * that `mayChange` says is not ours is only read.
 *
 * A deferred transaction that reads and then writes fails at once where another process wrote in between; an immediate
 * one waits for its turn before it reads, for at most `deadline` milliseconds, the time in this process's own queue
 * among them: else the last of many would wait as many times as long for one process that holds on to the file.
 */
export class NodeSqliteFileDialect extends SqliteDialect {
  #driver: ImmediateDriver | undefined;

  constructor(
    private readonly path: string,
    private readonly deadline: number,
    private readonly mayChange: MayChange = () => true,
  ) {
    super({ database: () => Promise.resolve(open(path, mayChange)) });
  }

  /** Whether somebody has the one connection, and how many wait for it. */
  get use(): { readonly taken: boolean; readonly waiting: number } {
    const { taken = 0, waiting = 0 } = this.#driver?.places ?? {};
    return { taken: taken > 0, waiting };
  }

  override createDriver(): Driver {
    return (this.#driver = new ImmediateDriver(this.path, this.deadline, this.mayChange));
  }

  override createAdapter(): DialectAdapter {
    return new OwnQueueAdapter();
  }
}

/** Keeps Kysely from queueing for the one connection: its queue never moves on after a BEGIN that failed, the driver's does. */
class OwnQueueAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** How long statements may follow each other without a turn of the event loop, in milliseconds. */
const MAX_HELD_UP_MS = 10;

/**
 * The time since the event loop last had a turn. node:sqlite answers at once, so statements that wait only for each other
 * would hold up all else until the last of them is done, those of different requests too.
 */
class HeldUp {
  #since: number | undefined;

  /** True once a turn is due; the first call after a turn begins to measure. */
  get isLong(): boolean {
    if (this.#since === undefined) {
      this.#since = performance.now();
      setImmediate(() => (this.#since = undefined));
    }
    return performance.now() - this.#since > MAX_HELD_UP_MS;
  }

  /** Resolves after the next turn. */
  async over(): Promise<void> {
    while (this.isLong) await turn();
  }
}

const heldUp = new HeldUp();

/** The one connection for as long as somebody has it; giving it back twice does nothing. */
class Turn implements DatabaseConnection {
  constructor(
    private readonly connection: DatabaseConnection,
    readonly limit: TimeLimit | undefined,
    /** When somebody asked for it, in milliseconds of the process's clock. */
    readonly askedAt: number,
    readonly release: Release,
  ) {}

  /**
   * Runs a statement to its end, which nothing can interrupt here; within a time limit, none begins after the limit has
   * ended, and none begins before all else has had its turn, where the event loop has been held up for long.
   */
  async executeQuery<Row>(...parameters: Parameters<DatabaseConnection['executeQuery']>): Promise<QueryResult<Row>> {
    if (heldUp.isLong) await heldUp.over();
    this.limit?.check();
    return this.connection.executeQuery<Row>(...parameters);
  }

  streamQuery<Row>(...parameters: Parameters<DatabaseConnection['streamQuery']>): AsyncIterableIterator<QueryResult<Row>> {
    this.limit?.check();
    return this.connection.streamQuery<Row>(...parameters);
  }

  /** Runs what ends a transaction, whatever the limit. */
  end(statement: string): Promise<QueryResult<unknown>> {
    return this.connection.executeQuery(CompiledQuery.raw(statement));
  }
}

class ImmediateDriver extends SqliteDriver {
  readonly #deadline: number;
  readonly #checkpoints: Checkpoints;
  readonly places = new Places(1);

  constructor(path: string, deadline: number, mayChange: MayChange) {
    super({ database: () => Promise.resolve(open(path, mayChange)) });
    this.#deadline = deadline;
    this.#checkpoints = new Checkpoints(path);
  }

  override async acquireConnection(): Promise<Turn> {
    const askedAt = performance.now();
    const limit = currentLimit();
    const release = await this.places.take(limit);
    return new Turn(await super.acquireConnection(), limit, askedAt, release);
  }

  override releaseConnection(turn?: DatabaseConnection): Promise<void> {
    (turn as Turn).release();
    return Promise.resolve();
  }

  override async beginTransaction(turn: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    const begin = settings?.accessMode === 'read only' ? 'begin' : 'begin immediate';
    const waited = performance.now() - (turn as Turn).askedAt;
    try {
      await pRetry(() => turn.executeQuery(CompiledQuery.raw(begin)), {
        retries: Number.POSITIVE_INFINITY,
        factor: 1.2,
        minTimeout: 2,
        maxTimeout: 50,
        randomize: true,
        maxRetryTime: Math.max(0, this.#deadline - waited),
        shouldRetry: ({ error }) => isBusy(error),
      });
    } catch (error) {
      (turn as Turn).release(); // Kysely's controlled transactions keep a connection whose transaction did not begin.
      throw error;
    }
  }

  override async commitTransaction(turn: DatabaseConnection): Promise<void> {
    await this.#checkpoints.commit(sql => (turn as Turn).end(sql));
  }

  override async rollbackTransaction(turn: DatabaseConnection): Promise<void> {
    try {
      await (turn as Turn).end('rollback');
    } catch (error) {
      (turn as Turn).release(); // Nor do they give one back whose transaction did not roll back.
      throw error;
    }
  }
}

function open(path: string, mayChange: MayChange): SqliteDatabase {
  const database = openFile(path, mayChange);
  // Not for the schema, which other programs must be able to read and write without it.
  database.function(FOLD, { deterministic: true, directOnly: true }, text => (typeof text === 'string' ? foldedText(text) : text));
  return {
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        reader: statement.columns().length > 0,
        all: parameters => exact(() => statement.all(...(parameters as never[]))),
        run: parameters => statement.run(...(parameters as never[])),
        get: (parameters: readonly unknown[]) => exact(() => statement.get(...(parameters as never[]))),
        iterate: parameters => exactEach(statement.iterate(...(parameters as never[]))),
      };
    },
    close: () => database.close(),
  };
}

function* exactEach(rows: Iterator<unknown>): IterableIterator<unknown> {
  for (let next = exact(() => rows.next()); next.done !== true; next = exact(() => rows.next())) yield next.value;
}

/** Reads rows. Errors: UnsafeNumberError where a number in them is beyond 2^53 − 1, which node:sqlite refuses to round. */
function exact<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_OUT_OF_RANGE') throw error;
    throw new UnsafeNumberError(/-?\d+$/.exec(message)?.[0] ?? 'a number', 'a row that was read', { cause: error });
  }
}
