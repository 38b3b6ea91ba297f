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
 * The longest wait of the look at a file for another process that has locked all of it, such as at its change to WAL,
 * in milliseconds.
 */
const MAX_LOOKING_MS = 2000;

/** Returns true where a file may be changed, by what it holds. */
export type MayChange = (select: (sql: string) => readonly object[]) => boolean;

/** An SQLite file that is open; `hasReaders` says whether others can read it beside this connection. */
interface OpenFile {
  readonly database: DatabaseSync;
  readonly hasReaders: boolean;
}

/**
 * Opens an SQLite file with foreign keys on. One that may not be changed is opened so that nothing can change it; any
 * other is switched to WAL, which writes to the file. What finds it busy from then on fails at once, since a wait of
 * SQLite's own would hold up the whole process.
 */
export function openFile(path: string, mayChange: MayChange): OpenFile {
  const mayWrite = isNew(path) || isChangeable(path, mayChange);
  const database = new DatabaseSync(mayWrite ? path : withoutTraces(path), {
    timeout: MAX_OPENING_MS,
    enableForeignKeyConstraints: true,
    readOnly: !mayWrite,
  });
  // A log that was large, and is begun anew after it was copied into the file, is cut to what a commit copies by
  // itself.
  if (mayWrite) database.exec(`pragma journal_mode = wal; pragma journal_size_limit = ${MAX_COPIED_HERE_BYTES};`);
  // Recursive triggers, so that the rows that REPLACE removes fire theirs (https://www.sqlite.org/lang_replace.html).
  database.exec('pragma synchronous = full; pragma recursive_triggers = on; pragma busy_timeout = 0;');
  return { database, hasReaders: mayWrite && path !== ':memory:' };
}

/**
 * Opens a connection that only reads, beside one that openFile() has opened: in WAL it waits for no writer, and no
 * writer for it.
 */
export function openReader(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true });
  database.exec('pragma query_only = on');
  return database;
}

/**
 * Returns true where there is nothing to look into, such as no file yet, or a folder, which cannot be opened anyway.
 */
function isNew(path: string): boolean {
  const found = path === ':memory:' ? undefined : statSync(path, { throwIfNoEntry: false });
  return found === undefined || !found.isFile() || found.size === 0;
}

/** Looks into a file without a change to it, and to the files beside it. */
function isChangeable(path: string, mayChange: MayChange): boolean {
  const file = new DatabaseSync(withoutTraces(path), { readOnly: true, timeout: MAX_LOOKING_MS });
  try {
    return mayChange(sql => file.prepare(sql).all());
  } catch (error) {
    // A file that is busy can be looked into again.
    if (isBusy(error)) throw error;
    // What cannot be read, be it no database at all, cannot be known to be ours.
    return false;
  } finally {
    file.close();
  }
}

/**
 * Returns what opens a file that is only read. A reader of a file in WAL makes two files beside it and leaves them;
 * where no other program has the file open, which the one with the log would show, it needs none of them.
 */
function withoutTraces(path: string): string | URL {
  if (existsSync(`${path}-wal`) || existsSync(`${path}-journal`)) return path;
  return new URL(`${pathToFileURL(path).href}?immutable=1`);
}
