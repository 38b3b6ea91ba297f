import { SqliteAdapter, SqliteDialect, type DialectAdapter, type Driver } from 'kysely';
import { FileDriver, MAX_READERS, type FileUse } from './file-driver.js';
import type { MayChange } from './file.js';

/**
 * A dialect that opens an SQLite file through Node's own `node:sqlite`: WAL, foreign keys on, and transactions that
 * begin IMMEDIATE. A file that is not ours, by `mayChange`, is only read.
 *
 * One connection writes, and others read beside it, which wait for no writer, not even of another process. A database
 * in memory, and a file that is only read, has one connection for all.
 *
 * A deferred transaction that reads and then writes fails at once if another process wrote in between; an immediate one
 * waits for its turn before it reads, for at most `deadline` milliseconds. That includes the time in this process's own
 * queue: otherwise the last of many callers would wait many times as long for a process that keeps the file locked.
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

  /** How the connections are used now. */
  get use(): FileUse {
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
 * Kysely's adapter without a queue for the one connection: Kysely's queue stops for good after a BEGIN that failed, and
 * the driver has a queue that does not.
 */
class OwnQueueAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}
