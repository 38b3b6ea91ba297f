import type { DatabaseSync } from 'node:sqlite';
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
import { UnsafeNumberError } from '../../../counters/index.js';
import { FOLD, foldedText } from './folded-text.js';
import { Places, type Release } from '../../connections/places.js';
import { purposeOutsideTransactions, purposeRules, type Purpose } from '../../connections/purposes.js';
import { Checkpoints } from './sqlite-checkpoint.js';
import { isBusy, isReadOnly, openFile, openReader, type MayChange } from './sqlite-file.js';
import { currentLimit, type TimeLimit } from '../../time-limits/time-limit.js';

/**
 * How many connections read a file beside the one that writes; each takes up to 2 MB of memory, and is opened only when
 * it is needed.
 */
const MAX_READERS = 5;

/** Matches the start of a statement that reads, though it may write too: what else it is, SQLite says. */
const READ = /^\s*\(*\s*(?:select|with|values|explain)\b/i;

/**
 * Opens an SQLite file through Node's own `node:sqlite`: WAL, foreign keys on, and transactions that begin IMMEDIATE. A
 * file that `mayChange` says is not ours is only read.
 *
 * One connection writes, and others read beside it, which wait for no writer, of another process either. A database in
 * memory, and a file that is only read, has one connection for all.
 *
 * A deferred transaction that reads and then writes fails at once where another process wrote in between; an immediate
 * one waits for its turn before it reads, for at most `deadline` milliseconds, the time in this process's own queue
 * among them: else the last of many would wait as many times as long for one process that holds on to the file.
 */
export class NodeSqliteFileDialect extends SqliteDialect {
  #driver: FileDriver | undefined;

  constructor(
    private readonly path: string,
    private readonly deadline: number,
    private readonly mayChange: MayChange = () => true,
  ) {
    super({ database: () => Promise.reject(new Error('The driver opens the file.')) });
  }

  /** How many connections are taken, are open and may be, and how many wait for one. */
  get use(): { readonly taken: number; readonly open: number; readonly most: number; readonly waiting: number } {
    return this.#driver?.use ?? { taken: 0, open: 0, most: 1 + MAX_READERS, waiting: 0 };
  }

  override createDriver(): Driver {
    return (this.#driver = new FileDriver(this.path, this.deadline, this.mayChange));
  }

  override createAdapter(): DialectAdapter {
    return new OwnQueueAdapter();
  }
}

/**
 * Keeps Kysely from queueing for the one connection: its queue never moves on after a BEGIN that failed, the driver's
 * does.
 */
class OwnQueueAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** How long statements may follow each other without a turn of the event loop, in milliseconds. */
const MAX_HELD_UP_MS = 10;

/**
 * The time since the event loop last had a turn. node:sqlite answers at once, so statements that wait only for each
 * other would hold up all else until the last of them is done, those of different requests too.
 */
class HeldUp {
  #since: number | undefined;

  /** True once a turn is due; the first call after a turn begins to measure. */
  get isLong(): boolean {
    return performance.now() - this.#begin() > MAX_HELD_UP_MS;
  }

  /**
   * Resolves after the next turn. What has waited for one runs then, though others have used it up meanwhile: of two
   * that are at work without an end, one on each connection, the first to run after a turn would let the other wait for
   * ever.
   */
  async over(): Promise<void> {
    await turn();
    this.#begin();
  }

  #begin(): number {
    if (this.#since === undefined) {
      this.#since = performance.now();
      setImmediate(() => (this.#since = undefined));
    }
    return this.#since;
  }
}

const heldUp = new HeldUp();

/** A connection that somebody has, and how it is given back; a second time does nothing. */
interface Taken {
  readonly connection: DatabaseConnection;
  readonly release: Release;
}

/** What takes connections for a turn. */
interface Lender {
  take(purpose: Purpose, limit: TimeLimit | undefined): Promise<Taken>;
  /**
   * Runs work again for as long as another process keeps it from the file, until the deadline of what was asked for
   * then.
   */
  unlessBusy<Result>(askedAt: number, work: () => Promise<Result>): Promise<Result>;
}

/**
 * The statements of one who asked for a connection: a transaction has one until its end, and each other statement takes
 * its own.
 */
class Turn implements DatabaseConnection {
  readonly #limit = currentLimit();
  readonly #purpose = purposeOutsideTransactions();
  /** When it was asked for, in milliseconds of the process's clock. */
  readonly #askedAt = performance.now();
  #held: Taken | undefined;

  constructor(private readonly lender: Lender) {}

  /**
   * Runs a statement to its end, which nothing can interrupt here; within a time limit, none begins after the limit has
   * ended, and none begins before all else has had its turn, where the event loop has been held up for long.
   */
  async executeQuery<Row>(...parameters: Parameters<DatabaseConnection['executeQuery']>): Promise<QueryResult<Row>> {
    const run = async (connection: DatabaseConnection): Promise<QueryResult<Row>> => {
      if (heldUp.isLong) await heldUp.over();
      this.#limit?.check();
      return connection.executeQuery<Row>(...parameters);
    };
    if (this.#held) return run(this.#held.connection);
    if (!READ.test(parameters[0].sql)) return this.#once('transaction', run);
    try {
      return await this.#once(this.#purpose, run);
    } catch (error) {
      // Nothing was done: it writes, though it begins as one that reads.
      if (isReadOnly(error)) return this.#once('transaction', run);
      throw error;
    }
  }

  async *streamQuery<Row>(
    ...parameters: Parameters<DatabaseConnection['streamQuery']>
  ): AsyncIterableIterator<QueryResult<Row>> {
    this.#limit?.check();
    const { connection, release } = this.#held ?? (await this.lender.take(this.#purpose, this.#limit));
    try {
      yield* connection.streamQuery<Row>(...parameters);
    } finally {
      if (!this.#held) release();
    }
  }

  /** Begins a transaction; one that only reads waits for no writer. */
  async begin(isReadOnly: boolean): Promise<void> {
    this.#held = await this.lender.take(isReadOnly ? 'read' : 'transaction', this.#limit);
    try {
      await this.lender.unlessBusy(this.#askedAt, () =>
        this.executeQuery(CompiledQuery.raw(isReadOnly ? 'begin' : 'begin immediate')),
      );
    } catch (error) {
      this.release(); // Kysely's controlled transactions keep a connection whose transaction did not begin.
      throw error;
    }
  }

  /** Runs what ends a transaction, whatever the limit. */
  async end(statement: string): Promise<void> {
    await this.#held!.connection.executeQuery(CompiledQuery.raw(statement));
  }

  release(): void {
    this.#held?.release();
    this.#held = undefined;
  }

  async #once<Result>(purpose: Purpose, run: (connection: DatabaseConnection) => Promise<Result>): Promise<Result> {
    const { connection, release } = await this.lender.take(purpose, this.#limit);
    try {
      return await this.lender.unlessBusy(this.#askedAt, () => run(connection));
    } finally {
      release();
    }
  }
}

class FileDriver extends SqliteDriver implements Lender {
  #writer: SqliteDriver | undefined;
  readonly #places = new Places(1, purposeRules);
  readonly #checkpoints: Checkpoints;
  /** Undefined where the one that writes is the only one. */
  #readers:
    { readonly places: Places<Purpose>; readonly all: SqliteDriver[]; readonly free: SqliteDriver[] } | undefined;

  constructor(
    private readonly path: string,
    private readonly deadline: number,
    private readonly mayChange: MayChange,
  ) {
    super({ database: () => Promise.reject(new Error('Each of its drivers opens the file for itself.')) });
    this.#checkpoints = new Checkpoints(path);
  }

  override async init(): Promise<void> {
    const { database, hasReaders } = openFile(this.path, this.mayChange);
    this.#writer = await driverOf(database);
    if (hasReaders) this.#readers = { places: new Places(MAX_READERS, purposeRules), all: [], free: [] };
  }

  get use(): NodeSqliteFileDialect['use'] {
    const [own, readers] = [this.#places, this.#readers];
    return {
      taken: own.taken + (readers?.places.taken ?? 0),
      open: (this.#writer ? 1 : 0) + (readers?.all.length ?? 0),
      most: own.most + (readers?.places.most ?? 0),
      waiting: own.waiting + (readers?.places.waiting ?? 0),
    };
  }

  override acquireConnection(): Promise<Turn> {
    return Promise.resolve(new Turn(this));
  }

  override releaseConnection(turn?: DatabaseConnection): Promise<void> {
    (turn as Turn).release();
    return Promise.resolve();
  }

  async take(purpose: Purpose, limit: TimeLimit | undefined): Promise<Taken> {
    const readers = this.#readers;
    if (purpose === 'transaction' || !readers) {
      const release = await this.#places.take(purpose, limit);
      return { connection: await this.#writer!.acquireConnection(), release };
    }
    const giveOn = await readers.places.take(purpose, limit);
    const reader = readers.free.pop() ?? (await this.#newReader(readers.all));
    let given = false;
    const release = (): void => {
      if (given) return;
      given = true;
      readers.free.push(reader);
      giveOn();
    };
    return { connection: await reader.acquireConnection(), release };
  }

  async #newReader(all: SqliteDriver[]): Promise<SqliteDriver> {
    const reader = await driverOf(openReader(this.path));
    all.push(reader);
    return reader;
  }

  async unlessBusy<Result>(askedAt: number, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      const left = this.deadline - (performance.now() - askedAt);
      if (!isBusy(error) || left <= 0) throw error;
      return pRetry(work, {
        retries: Number.POSITIVE_INFINITY,
        factor: 1.2,
        minTimeout: 2,
        maxTimeout: 50,
        randomize: true,
        maxRetryTime: left,
        shouldRetry: again => isBusy(again.error),
      });
    }
  }

  override beginTransaction(turn: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    return (turn as Turn).begin(settings?.accessMode === 'read only');
  }

  override commitTransaction(turn: DatabaseConnection): Promise<void> {
    return this.#checkpoints.commit(sql => (turn as Turn).end(sql));
  }

  override async rollbackTransaction(turn: DatabaseConnection): Promise<void> {
    try {
      await (turn as Turn).end('rollback');
    } catch (error) {
      (turn as Turn).release(); // Nor do they give one back whose transaction did not roll back.
      throw error;
    }
  }

  override async destroy(): Promise<void> {
    // Before the one that writes, which as the last one moves what is in the log into the file.
    for (const reader of this.#readers?.all ?? []) await reader.destroy();
    await this.#writer?.destroy();
  }
}

/** Returns Kysely's driver for one connection. */
async function driverOf(file: DatabaseSync): Promise<SqliteDriver> {
  const driver = new SqliteDriver({ database: withExactNumbers(file) });
  await driver.init();
  return driver;
}

/** Returns a connection as Kysely takes it, which knows our functions and refuses to round numbers. */
function withExactNumbers(database: DatabaseSync): SqliteDatabase {
  // Not for the schema, which other programs must be able to read and write without it.
  database.function(FOLD, { deterministic: true, directOnly: true }, text =>
    typeof text === 'string' ? foldedText(text) : text,
  );
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

/**
 * Reads rows. Errors: UnsafeNumberError where a number in them is beyond 2^53 − 1, which node:sqlite refuses to round.
 */
function exact<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_OUT_OF_RANGE') throw error;
    throw new UnsafeNumberError(/-?\d+$/.exec(message)?.[0] ?? 'a number', 'a row that was read', { cause: error });
  }
}
