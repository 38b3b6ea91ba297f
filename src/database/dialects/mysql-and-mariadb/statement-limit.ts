/**
 * Matches the start of a statement that only reads, up to where MySQL takes hints, and the start of one that is there.
 */
const READ = /^\s*\(*\s*select\b(\s*\/\*\+)?/i;

/**
 * Returns the text of a statement that the server itself ends after so many milliseconds; the limit belongs to the
 * text, so none is left on the connection. What does not begin with SELECT is returned as it is: it ends when it is
 * killed.
 */
export function withStatementLimit(kind: 'mysql' | 'mariadb', sql: string, milliseconds: number): string {
  // 0 would be no limit.
  const limit = Math.max(1, Math.ceil(milliseconds));
  if (kind === 'mariadb') return READ.test(sql) ? `set statement max_statement_time = ${limit / 1000} for ${sql}` : sql;
  return sql.replace(READ, (start, hint: string | undefined) =>
    hint === undefined ? `${start} /*+ max_execution_time(${limit}) */` : `${start} max_execution_time(${limit})`,
  );
}
