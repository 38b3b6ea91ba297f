import { once } from 'node:events';
import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

/** The size of a log, in bytes, above which another thread copies it into the file: about 30 ms of work. */
export const MAX_COPIED_HERE_BYTES = 16_000_000;

/**
 * The pages of a log after which SQLite copies it with a commit: its own default
 * (https://www.sqlite.org/pragma.html#pragma_wal_autocheckpoint).
 */
const USUAL_PAGES = 1000;

/** Runs one statement on the connection that commits. */
type RunStatement = (sql: string) => Promise<unknown>;

/** Copies the log of a file, and resolves once it has tried. Errors: the reason why it cannot. */
type Copy = (path: string) => Promise<unknown>;

/**
 * The commits of a connection, kept short after large transactions. SQLite copies its log into the file with a commit,
 * and node:sqlite blocks the event loop for that. A large log is therefore copied by a connection of another thread,
 * for which no reader or writer waits.
 */
export class Checkpoints {
  #isCopying = false;
  /** Whether commits of this connection do not copy the log. */
  #isOff = false;
  /**
   * Whether the log was just copied: the next commit copies what was added since. Otherwise, with continuous writes,
   * the log would never start anew.
   */
  #isCopied = false;
  /** Whether another thread cannot copy logs; then each commit copies again, because they would grow for ever. */
  #isInVain = false;

  constructor(
    private readonly path: string,
    private readonly copy: Copy = byThread,
  ) {}

  /** Commits, and starts a copy of a large log; once the commit was answered, nothing makes it fail. */
  async commit(run: RunStatement): Promise<void> {
    const isLarge =
      !this.#isInVain && (this.#isCopying || (!this.#isCopied && bytesOf(`${this.path}-wal`) > MAX_COPIED_HERE_BYTES));
    this.#isCopied = false;
    if (isLarge !== this.#isOff) {
      await run(`pragma wal_autocheckpoint = ${isLarge ? 0 : USUAL_PAGES}`);
      this.#isOff = isLarge;
    }
    await run('commit');
    if (isLarge && !this.#isCopying) void this.#copy();
  }

  async #copy(): Promise<void> {
    this.#isCopying = true;
    try {
      await this.copy(this.path);
      this.#isCopied = true;
    } catch {
      // Nothing is lost: the log is part of the database, and the next commit copies it.
      this.#isInVain = true;
    } finally {
      this.#isCopying = false;
    }
  }
}

async function byThread(path: string): Promise<void> {
  const worker = new Worker(
    `const { DatabaseSync } = require('node:sqlite');
    const file = new DatabaseSync(require('node:worker_threads').workerData);
    file.exec('pragma wal_checkpoint(passive)');
    file.close();`,
    { eval: true, workerData: path },
  );
  // The process need not wait for it when it ends: the next process repeats a copy that was interrupted.
  worker.unref();
  await once(worker, 'exit');
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
