import type { NamedDatabase } from '../../texts/named-database.js';
import { shownPath } from '../../texts/shown-path.js';

/** The properties of errors of system calls and of node:sqlite. */
interface FileError {
  readonly code?: string;
  readonly errcode?: number;
  readonly syscall?: string;
  readonly path?: string;
}

/** What to do about errors of SQLite, by their primary result codes. */
const advice: Readonly<Record<number, (setting: string) => string>> = {
  5: () => 'Another process is writing to the database file. Stop it, or try again.',
  8: setting =>
    `This user is not allowed to write to the database file. Change the permissions of the file and its folder, or set ${setting} to another file.`,
  10: setting => `The database file cannot be read or written, because its disk fails. Set ${setting} to another file.`,
  13: () => 'The disk of the database file is full. Free space on it.',
  14: setting => `The database file cannot be opened. Make its folder writable, or set ${setting} to another file.`,
  26: setting => `The file that ${setting} names is not an SQLite database. Set ${setting} to another file.`,
};

/** Returns what an error of SQLite means for a person, and what to do about it; null if its kind says enough. */
export function explainSqlite(error: object, { setting }: NamedDatabase): string | null {
  const { code, errcode, syscall, path } = error as FileError;
  // The low byte is the primary result code.
  if (code === 'ERR_SQLITE_ERROR' && errcode !== undefined) return advice[errcode & 0xff]?.(setting) ?? null;
  if (syscall === 'mkdir')
    return `The folder ${shownPath(path ?? '')} for the database file cannot be created (${code}). Make it writable, or set ${setting} to another file.`;
  return null;
}
