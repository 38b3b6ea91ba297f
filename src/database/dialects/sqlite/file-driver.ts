import type { DatabaseSync } from 'node:sqlite';
import { SqliteDriver, type DatabaseConnection, type TransactionSettings } from 'kysely';
import pRetry from 'p-retry';
import { ConnectionSlots } from '../../connections/connection-slots.js';
import { purposeRules, type Purpose } from '../../connections/purposes.js';
import type { TimeLimit } from '../../time-limits/time-limit.js';
import { isBusy } from './errors.js';
import { withExactNumbers } from './exact-rows.js';
import { FileLease, type Lender, type HeldConnection } from './file-lease.js';
import { Checkpoints } from './checkpoints.js';
import { openFile, openReader, type MayChange } from './file.js';

/**
 * The most connections that read a file beside the one that writes; each takes up to 2 MB of memory, and is opened only
 * when it is needed.
 */
export const MAX_READERS = 5;

/** The numbers of connections that are taken, are open and can be open, and of callers that wait for one. */
export interface FileUse {
  readonly taken: number;
  readonly open: number;
  readonly most: number;
  readonly waiting: number;
}

/** Kysely's driver for a file: one connection that writes, and those that read beside it. */
export class FileDriver extends SqliteDriver implements Lender {
  #writer: SqliteDriver | undefined;
  readonly #slots = new ConnectionSlots(1, purposeRules);
  readonly #checkpoints: Checkpoints;
  /** Undefined if the connection that writes is the only one. */
  #readers:
    | { readonly slots: ConnectionSlots<Purpose>; readonly all: SqliteDriver[]; readonly free: SqliteDriver[] }
    | undefined;

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
    if (hasReaders) this.#readers = { slots: new ConnectionSlots(MAX_READERS, purposeRules), all: [], free: [] };
  }

  get use(): FileUse {
    const [own, readers] = [this.#slots, this.#readers];
    return {
      taken: own.taken + (readers?.slots.taken ?? 0),
      open: (this.#writer ? 1 : 0) + (readers?.all.length ?? 0),
      most: own.most + (readers?.slots.most ?? 0),
      waiting: own.waiting + (readers?.slots.waiting ?? 0),
    };
  }

  override acquireConnection(): Promise<FileLease> {
    return Promise.resolve(new FileLease(this));
  }

  override releaseConnection(lease?: DatabaseConnection): Promise<void> {
    (lease as FileLease).release();
    return Promise.resolve();
  }

  async take(purpose: Purpose, limit: TimeLimit | undefined): Promise<HeldConnection> {
    const readers = this.#readers;
    if (purpose === 'transaction' || !readers) {
      const release = await this.#slots.take(purpose, limit);
      return { connection: await this.#writer!.acquireConnection(), release };
    }
    const admitNext = await readers.slots.take(purpose, limit);
    const reader = readers.free.pop() ?? (await this.#newReader(readers.all));
    let given = false;
    const release = (): void => {
      if (given) return;
      given = true;
      readers.free.push(reader);
      admitNext();
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

  override beginTransaction(lease: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    return (lease as FileLease).begin(settings?.accessMode === 'read only');
  }

  override commitTransaction(lease: DatabaseConnection): Promise<void> {
    return this.#checkpoints.commit(sql => (lease as FileLease).end(sql));
  }

  override async rollbackTransaction(lease: DatabaseConnection): Promise<void> {
    try {
      await (lease as FileLease).end('rollback');
    } catch (error) {
      (lease as FileLease).release(); // Nor do they return a connection whose transaction did not roll back.
      throw error;
    }
  }

  override async destroy(): Promise<void> {
    // Before the connection that writes, because the last one to close moves the log into the file.
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
