/** Numbers of the errors that end a statement whose time is over: MySQL's and MariaDB's. */
const TIME_IS_OVER = new Set([3024, 1969]);

/** Number of the error that ends a statement that somebody has killed (KILL QUERY), MySQL's and MariaDB's. */
const KILLED = 1317;

/** Matches the start of a statement that only reads, up to where MySQL takes hints, and the start of one that is there. */
const READ = /^\s*\(*\s*select\b(\s*\/\*\+)?/i;

/** Returns true for the error of a statement whose own time limit has passed. */
export function isTimeLimitError(error: unknown): boolean {
  return TIME_IS_OVER.has((error as { errno?: number } | null)?.errno ?? 0);
}

/** Returns true for the error of a statement that the database has ended before it was done: by a time limit, or since somebody killed it. */
export function isInterrupted(error: unknown): boolean {
  return isTimeLimitError(error) || (error as { errno?: number } | null)?.errno === KILLED;
}

/**
 * Returns the text of a statement that the server itself ends after so many milliseconds; the limit belongs to the text, so
 * none is left on the connection. What does not begin with SELECT is returned as it is: it ends when it is killed.
 */
export function withStatementLimit(kind: 'mysql' | 'mariadb', sql: string, milliseconds: number): string {
  // 0 would be no limit.
  const limit = Math.max(1, Math.ceil(milliseconds));
  if (kind === 'mariadb') return READ.test(sql) ? `set statement max_statement_time = ${limit / 1000} for ${sql}` : sql;
  return sql.replace(READ, (start, hint: string | undefined) => (hint === undefined ? `${start} /*+ max_execution_time(${limit}) */` : `${start} max_execution_time(${limit})`));
}
