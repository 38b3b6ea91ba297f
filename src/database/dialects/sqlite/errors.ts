import { faultOfKind, kindIn, type ErrorRow, type Fault } from '../../faults/fault.js';

/**
 * SQLite's primary result codes, all of them that are errors; an extended code has the kind of its primary code, its
 * lowest byte. Source: https://www.sqlite.org/rescode.html.
 */
export const sqliteErrors: readonly ErrorRow<number>[] = [
  [1, 'SQLITE_ERROR', 'mistaken'],
  [2, 'SQLITE_INTERNAL', 'broken'],
  [3, 'SQLITE_PERM', 'read_only'],
  [4, 'SQLITE_ABORT', 'changed'],
  [5, 'SQLITE_BUSY', 'lock_wait'],
  [6, 'SQLITE_LOCKED', 'lock_wait'],
  [7, 'SQLITE_NOMEM', 'exhausted'],
  [8, 'SQLITE_READONLY', 'read_only'],
  [9, 'SQLITE_INTERRUPT', 'interrupted'],
  [10, 'SQLITE_IOERR', 'broken'],
  [11, 'SQLITE_CORRUPT', 'broken'],
  [12, 'SQLITE_NOTFOUND', 'mistaken'],
  [13, 'SQLITE_FULL', 'full'],
  [14, 'SQLITE_CANTOPEN', 'broken'],
  [15, 'SQLITE_PROTOCOL', 'lock_wait'],
  [16, 'SQLITE_EMPTY', 'broken'],
  [17, 'SQLITE_SCHEMA', 'changed'],
  [18, 'SQLITE_TOOBIG', 'mistaken'],
  [19, 'SQLITE_CONSTRAINT', 'row_refused'],
  [20, 'SQLITE_MISMATCH', 'row_refused'],
  [21, 'SQLITE_MISUSE', 'mistaken'],
  [22, 'SQLITE_NOLFS', 'full'],
  [23, 'SQLITE_AUTH', 'denied'],
  [24, 'SQLITE_FORMAT', 'broken'],
  [25, 'SQLITE_RANGE', 'mistaken'],
  [26, 'SQLITE_NOTADB', 'broken'],
];

const byCode = Map.groupBy(sqliteErrors, ([key]) => key);

/** The properties of node:sqlite's errors, which MikroORM copies to its own errors. */
interface SqliteError {
  readonly message?: string;
  readonly code?: unknown;
  /** The extended result code. */
  readonly errcode?: number;
}

/** Returns what an error of SQLite means; null if the error does not come from SQLite. */
export function sqliteFaultOf(error: unknown): Fault | null {
  const { code, errcode, message = '' } = (error ?? {}) as SqliteError;
  if (code !== 'ERR_SQLITE_ERROR' || errcode === undefined) return null;
  return faultOfKind(kindIn(byCode.get(errcode % 256), message), errcode, message);
}

/** Returns true for the error of a statement that would write over a connection that only reads. */
export function isReadOnly(error: unknown): boolean {
  return sqliteFaultOf(error)?.kind === 'read_only';
}

/** Returns true for the error that another process writes to the file. */
export function isBusy(error: unknown): boolean {
  return sqliteFaultOf(error)?.kind === 'lock_wait';
}
