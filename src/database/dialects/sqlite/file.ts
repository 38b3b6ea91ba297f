import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { isBusy } from './errors.js';
import { MAX_COPIED_HERE_BYTES } from './checkpoints.js';

/**
 * The longest time for which the change to WAL may block the event loop, in milliseconds: node:sqlite waits
 * synchronously.
 */
const MAX_OPENING_MS = 50;

/**
 * The longest time to wait, before the file is examined, for another process that has locked all of it, for example to
 * change it to WAL, in milliseconds.
 */
const MAX_LOOKING_MS = 2000;

/** Returns true if a file may be changed, judging by its content. */
export type MayChange = (select: (sql: string) => readonly object[]) => boolean;

/** An open SQLite file; `hasReaders` tells whether other connections can read it at the same time. */
interface OpenFile {
  readonly database: DatabaseSync;
  readonly hasReaders: boolean;
}

/**
 * Opens an SQLite file with foreign keys on. A file that may not be changed is opened so that nothing can change it;
 * any other is switched to WAL, which writes to the file. Whatever finds it busy from then on fails at once, because a
 * wait inside SQLite would block the whole process.
 */
export function openFile(path: string, mayChange: MayChange): OpenFile {
  const mayWrite = isNew(path) || isChangeable(path, mayChange);
  const database = new DatabaseSync(mayWrite ? path : withoutTraces(path), {
    timeout: MAX_OPENING_MS,
    enableForeignKeyConstraints: true,
    readOnly: !mayWrite,
  });
  // A log that was large, and is started anew after it was copied into the file, is truncated to what a commit copies
  // by itself.
  if (mayWrite) database.exec(`pragma journal_mode = wal; pragma journal_size_limit = ${MAX_COPIED_HERE_BYTES};`);
  // Recursive triggers, so that the rows that REPLACE removes fire their triggers
  // (https://www.sqlite.org/lang_replace.html).
  database.exec('pragma synchronous = full; pragma recursive_triggers = on; pragma busy_timeout = 0;');
  return { database, hasReaders: mayWrite && path !== ':memory:' };
}

/**
 * Opens a connection that only reads, beside one that openFile() has opened: in WAL it waits for no writer, and no
 * writer waits for it.
 */
export function openReader(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true });
  database.exec('pragma query_only = on');
  return database;
}

/** Returns true if there is nothing to read: no file yet, or a folder, which cannot be opened anyway. */
function isNew(path: string): boolean {
  const found = path === ':memory:' ? undefined : statSync(path, { throwIfNoEntry: false });
  return found === undefined || !found.isFile() || found.size === 0;
}

/** Reads a file without changing it or the files beside it. */
function isChangeable(path: string, mayChange: MayChange): boolean {
  const file = new DatabaseSync(withoutTraces(path), { readOnly: true, timeout: MAX_LOOKING_MS });
  try {
    return mayChange(sql => file.prepare(sql).all());
  } catch (error) {
    // A file that is busy can be read later.
    if (isBusy(error)) throw error;
    // A file that cannot be read, or is not a database at all, cannot be recognized as ours.
    return false;
  } finally {
    file.close();
  }
}

/**
 * Returns the path or URL by which to open a file that is only read. A reader of a file in WAL creates two files beside
 * it and leaves them; if no other program has the file open, which the log would show, it needs neither of them.
 */
function withoutTraces(path: string): string | URL {
  if (existsSync(`${path}-wal`) || existsSync(`${path}-journal`)) return path;
  return new URL(`${pathToFileURL(path).href}?immutable=1`);
}
