import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

/** The size of a log, in bytes, from which on it is copied into the file by a thread of its own: about 30 ms of work. */
export const MAX_COPIED_HERE_BYTES = 16_000_000;

/** The pages of a log after which SQLite copies it with a commit: its own default (https://www.sqlite.org/pragma.html#pragma_wal_autocheckpoint). */
const USUAL_PAGES = 1000;

/** Runs one statement on the connection that commits. */
type Run = (sql: string) => Promise<unknown>;

/**
 * Keeps a commit short that ends a large transaction. SQLite copies its log into the file with a commit, and node:sqlite holds up
 * the event loop for that; a large log is copied beside it, by a connection of a thread, which makes no reader or writer wait.
 */
export class Checkpoints {
  #isCopying = false;
  /** Whether the connection leaves the log as it is. */
  #isOff = false;

  constructor(private readonly path: string) {}

  /** Commits, and has the log copied where it is large. */
  async commit(run: Run): Promise<void> {
    const isLarge = this.#isCopying || bytesOf(`${this.path}-wal`) > MAX_COPIED_HERE_BYTES;
    if (isLarge !== this.#isOff) {
      await run(`pragma wal_autocheckpoint = ${isLarge ? 0 : USUAL_PAGES}`);
      this.#isOff = isLarge;
    }
    await run('commit');
    if (isLarge && !this.#isCopying) this.#copy();
  }

  /** Begins to copy. What keeps the thread from it is no fault: the log stays, and is copied with a later commit or when the file is closed. */
  #copy(): void {
    this.#isCopying = true;
    const worker = new Worker(
      `const { DatabaseSync } = require('node:sqlite');
      const file = new DatabaseSync(require('node:worker_threads').workerData);
      file.exec('pragma wal_checkpoint(passive)');
      file.close();`,
      { eval: true, workerData: this.path },
    );
    // The process need not wait for it at its end: a copy that is broken off is begun again by the next process.
    worker.unref();
    worker.on('error', () => undefined);
    worker.on('exit', () => (this.#isCopying = false));
  }
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
