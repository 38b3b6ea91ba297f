import { shownPath } from '../../texts/shown-path.js';

/** The properties of errors of system calls and of node:sqlite. */
interface FileError {
  readonly code?: string;
  readonly errcode?: number;
  readonly syscall?: string;
  readonly path?: string;
}

/** What to do about errors of SQLite, by their primary result codes. */
const waysOut: Readonly<Record<number, string>> = {
  5: 'The database file is being written by another process. Stop it, or try again.',
  8: 'The database file may not be written. Change its permissions and those of its folder, or set DATABASE_URL to another file.',
  10: 'The database file cannot be read or written, for the disk or what it is on fails. Set DATABASE_URL to another file.',
  13: 'The disk of the database file is full. Make room.',
  14: 'The database file cannot be opened. Make its folder writable, or set DATABASE_URL to another file.',
  26: 'The file that DATABASE_URL names is no SQLite database. Set DATABASE_URL to another file.',
};

/** Returns what an error of SQLite means for a person, and what to do about it; null: its kind says enough. */
export function explainSqlite(error: object): string | null {
  const { code, errcode, syscall, path } = error as FileError;
  // The low byte is the primary result code.
  if (code === 'ERR_SQLITE_ERROR' && errcode !== undefined) return waysOut[errcode & 0xff] ?? null;
  if (syscall === 'mkdir')
    return `The folder ${shownPath(path ?? '')} for the database file cannot be made (${code}). Make it writable, or set DATABASE_URL to another file.`;
  return null;
}
