/**
 * The kinds of errors of databases. A kind says what has ended, what a COMMIT with such an error leaves, whether the
 * transaction may be run again, which code the caller gets, and whether the database counts as away.
 *
 * Each database has a table of its errors and their kinds: errors.ts in its folder of `dialects`.
 */

/** What an error means. */
interface Meaning {
  /** What has ended with it. In any case, a transaction that did not reach its COMMIT changes nothing. */
  readonly ended: 'statement' | 'transaction' | 'connection' | 'server';
  /** What a COMMIT with this error leaves; `unknown`: whether it took place must be looked up. */
  readonly atCommit: 'nothing' | 'unknown';
  /** Whether the same transaction, run again in a moment, can succeed. */
  readonly isTransient: boolean;
  /** The code that callers get; null if the error is a mistake of a program, or its cause is unknown. */
  readonly callerCode: 'RETRY_LATER' | 'DATABASE_UNAVAILABLE' | 'DATABASE_FULL' | 'REQUEST_TIMEOUT' | null;
  /** Whether a server whose database returns it is not ready for requests. */
  readonly isAway: boolean;
}

/** All kinds of error. */
const kinds = {
  /** Two transactions waited for each other, and this one was ended. */
  deadlock: { ended: 'transaction', atCommit: 'nothing', isTransient: true, callerCode: 'RETRY_LATER', isAway: false },
  /** A lock that another session holds was not granted in time. */
  lock_wait: { ended: 'statement', atCommit: 'nothing', isTransient: true, callerCode: 'RETRY_LATER', isAway: false },
  /**
   * Another transaction, of this server or of another of its cluster, has changed the same rows or the table meanwhile.
   */
  changed: { ended: 'transaction', atCommit: 'nothing', isTransient: true, callerCode: 'RETRY_LATER', isAway: false },
  /** There is no connection, or it is lost. */
  disconnected: {
    ended: 'connection',
    atCommit: 'unknown',
    isTransient: true,
    callerCode: 'DATABASE_UNAVAILABLE',
    isAway: true,
  },
  /** The server is stopping, or is not in a state to serve. */
  stopped: {
    ended: 'server',
    atCommit: 'unknown',
    isTransient: true,
    callerCode: 'DATABASE_UNAVAILABLE',
    isAway: true,
  },
  /** The server accepts no more connections now. */
  crowded: {
    ended: 'connection',
    atCommit: 'nothing',
    isTransient: true,
    callerCode: 'DATABASE_UNAVAILABLE',
    isAway: true,
  },
  /** The database accepts no changes: it became a replica, or its file is read-only. */
  read_only: {
    ended: 'statement',
    atCommit: 'nothing',
    isTransient: true,
    callerCode: 'DATABASE_UNAVAILABLE',
    isAway: true,
  },
  /**
   * The disk, the tablespace or the file is full; each of the databases then rolls back what it cannot commit.
   */
  full: { ended: 'statement', atCommit: 'nothing', isTransient: false, callerCode: 'DATABASE_FULL', isAway: true },
  /** The server has run out of memory, of threads or of open files. */
  exhausted: {
    ended: 'statement',
    atCommit: 'unknown',
    isTransient: true,
    callerCode: 'DATABASE_UNAVAILABLE',
    isAway: true,
  },
  /** The database does not accept this program: its user, password, host or database. */
  refused: {
    ended: 'connection',
    atCommit: 'nothing',
    isTransient: false,
    callerCode: 'DATABASE_UNAVAILABLE',
    isAway: true,
  },
  /** The database does not allow this program to do what it requests. */
  denied: {
    ended: 'statement',
    atCommit: 'nothing',
    isTransient: false,
    callerCode: 'DATABASE_UNAVAILABLE',
    isAway: true,
  },
  /** Files of the database are damaged or missing, or cannot be read or written. */
  broken: {
    ended: 'statement',
    atCommit: 'unknown',
    isTransient: false,
    callerCode: 'DATABASE_UNAVAILABLE',
    isAway: true,
  },
  /** The statement has taken longer than its own limit. */
  timed_out: {
    ended: 'statement',
    atCommit: 'unknown',
    isTransient: false,
    callerCode: 'REQUEST_TIMEOUT',
    isAway: false,
  },
  /** Somebody has ended the statement. */
  interrupted: {
    ended: 'statement',
    atCommit: 'unknown',
    isTransient: false,
    callerCode: 'REQUEST_TIMEOUT',
    isAway: false,
  },
  /** A row breaks a rule of its table: a column that cannot be empty, a unique key, a length, a check, a trigger. */
  row_refused: { ended: 'statement', atCommit: 'nothing', isTransient: false, callerCode: null, isAway: false },
  /** The statement cannot succeed as it is: it has a mistake, or names something that does not exist. */
  mistaken: { ended: 'statement', atCommit: 'nothing', isTransient: false, callerCode: null, isAway: false },
  /** The error is in none of the tables. */
  unknown: { ended: 'statement', atCommit: 'unknown', isTransient: false, callerCode: null, isAway: false },
} as const satisfies Readonly<Record<string, Meaning>>;

/** What an error of a database means. */
export type FaultKind = keyof typeof kinds;

/**
 * The kinds that are troubles of the database itself: not caused by other transactions, by time limits, or by our
 * statements.
 */
export const troubleKinds = (Object.keys(kinds) as FaultKind[]).filter(kind =>
  kinds[kind].callerCode?.startsWith('DATABASE_'),
);

/** An error of a database, with what it means. */
export interface Fault extends Meaning {
  readonly kind: FaultKind;
  /** Its number or, if it has none, its code, as the database or its driver reports it. */
  readonly number: number | string;
  /** The database's message, in one line. */
  readonly message: string;
}

/**
 * One row: the error's number or code, its name, its kind and, if the number alone does not tell the kind, what its
 * message must match.
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
