/**
 * What the errors of databases mean: an error is of a kind, and a kind says what ended, what a COMMIT leaves that fails
 * so, whether the transaction may be run again, what the caller is told, and whether the database counts as away.
 *
 * Which error is of which kind is told by a table of each database (errors.ts in its folder of `dialects`).
 */

/** What an error means. */
interface Meaning {
  /** What ended with it. Whatever it is, a transaction that did not reach its COMMIT changes nothing. */
  readonly ended: 'statement' | 'transaction' | 'connection' | 'server';
  /** What a COMMIT leaves that fails so; `unknown`: whether it took place must be looked up. */
  readonly atCommit: 'nothing' | 'unknown';
  /** Whether the same transaction, run again in a moment, can succeed. */
  readonly again: boolean;
  /** The code that callers are told; null: the error is a mistake of a program, or it is not known whose. */
  readonly told: 'RETRY_LATER' | 'DATABASE_UNAVAILABLE' | 'DATABASE_FULL' | 'REQUEST_TIMEOUT' | null;
  /** Whether a server whose database gives it is not ready for requests. */
  readonly away: boolean;
}

/** All kinds of error. */
const kinds = {
  /** Two transactions waited for each other, and this one was ended. */
  deadlock: { ended: 'transaction', atCommit: 'nothing', again: true, told: 'RETRY_LATER', away: false },
  /** A lock that another session holds was not had in time. */
  lock_wait: { ended: 'statement', atCommit: 'nothing', again: true, told: 'RETRY_LATER', away: false },
  /**
   * Another transaction, of this server or of another of its cluster, has changed the same rows or the table meanwhile.
   */
  changed: { ended: 'transaction', atCommit: 'nothing', again: true, told: 'RETRY_LATER', away: false },
  /** There is no connection, or there is none any more. */
  disconnected: { ended: 'connection', atCommit: 'unknown', again: true, told: 'DATABASE_UNAVAILABLE', away: true },
  /** The server is stopping, or is not in a state to serve. */
  stopped: { ended: 'server', atCommit: 'unknown', again: true, told: 'DATABASE_UNAVAILABLE', away: true },
  /** The server takes no more connections now. */
  crowded: { ended: 'connection', atCommit: 'nothing', again: true, told: 'DATABASE_UNAVAILABLE', away: true },
  /** The database takes no changes: it became a replica, or its file may only be read. */
  read_only: { ended: 'statement', atCommit: 'nothing', again: true, told: 'DATABASE_UNAVAILABLE', away: true },
  /**
   * There is no room for more on the disk, in the tablespace, or in the file; each of the databases then rolls back
   * what it cannot commit.
   */
  full: { ended: 'statement', atCommit: 'nothing', again: false, told: 'DATABASE_FULL', away: true },
  /** The server has run out of memory, of threads or of open files. */
  exhausted: { ended: 'statement', atCommit: 'unknown', again: true, told: 'DATABASE_UNAVAILABLE', away: true },
  /** The database does not let this program in: its user, password, host or database. */
  refused: { ended: 'connection', atCommit: 'nothing', again: false, told: 'DATABASE_UNAVAILABLE', away: true },
  /** The database does not let this program do what it asks for. */
  denied: { ended: 'statement', atCommit: 'nothing', again: false, told: 'DATABASE_UNAVAILABLE', away: true },
  /** Files of the database are damaged or missing, or cannot be read or written. */
  broken: { ended: 'statement', atCommit: 'unknown', again: false, told: 'DATABASE_UNAVAILABLE', away: true },
  /** The statement has taken longer than its own limit. */
  timed_out: { ended: 'statement', atCommit: 'unknown', again: false, told: 'REQUEST_TIMEOUT', away: false },
  /** Somebody has ended the statement. */
  interrupted: { ended: 'statement', atCommit: 'unknown', again: false, told: 'REQUEST_TIMEOUT', away: false },
  /** The statement cannot succeed as it is: it breaks a rule, has a mistake, or names what is not there. */
  mistaken: { ended: 'statement', atCommit: 'nothing', again: false, told: null, away: false },
  /** The error is in none of the tables. */
  unknown: { ended: 'statement', atCommit: 'unknown', again: false, told: null, away: false },
} as const satisfies Readonly<Record<string, Meaning>>;

/** What an error of a database means. */
export type FaultKind = keyof typeof kinds;

/**
 * The kinds that are a trouble of the database itself: neither other transactions, nor the time, nor our statements
 * cause them.
 */
export const troubleKinds = (Object.keys(kinds) as FaultKind[]).filter(kind =>
  kinds[kind].told?.startsWith('DATABASE_'),
);

/** An error of a database, with what it means. */
export interface Fault extends Meaning {
  readonly kind: FaultKind;
  /** Its number or, where it has none, its code, as the database or its driver gives it. */
  readonly number: number | string;
  /** What the database says; one line. */
  readonly message: string;
}

/**
 * One row: the error's number or code, its name, its kind, and, where the number says too little, what its message must
 * match.
 */
export type ErrorRow<Key> = readonly [key: Key, name: string, kind: FaultKind, when?: RegExp];

/** Returns what an error of a kind means. */
export function faultOfKind(kind: FaultKind, number: number | string, message: string): Fault {
  return { ...kinds[kind], kind, number, message: message.split('\n', 1)[0]! };
}

/** Returns the kind of an error by the rows of its number or code. */
export function kindIn<Key>(rows: readonly ErrorRow<Key>[] | undefined, message: string): FaultKind {
  return rows?.find(([, , , when]) => when === undefined || when.test(message))?.[2] ?? 'unknown';
}
