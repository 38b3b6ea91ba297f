import type { ProcedureState } from '../procedures.js';

/** The function that counts the stored counts which differ from the enrollments. */
export const FUNCTION = 'verify_enrollment_counts';

/** What it is, and its name. */
export const FUNCTION_TITLE = `function ${FUNCTION}`;

/** The comment by which our function is recognized. */
export const FUNCTION_COMMENT = 'Counts the stored counts that differ from the enrollments; changes nothing.';

/** Returns whose function or procedure of this name, without arguments, a database has: the comment distinguishes ours. */
export async function functionState(read: (sql: string) => Promise<readonly object[]>): Promise<ProcedureState> {
  const sql = `select obj_description(oid, 'pg_proc') as comment from pg_proc where pronamespace = to_regnamespace(current_schema()) and proname = '${FUNCTION}' and pronargs = 0`;
  const [row] = (await read(sql)) as { comment: string | null }[];
  if (row === undefined) return 'none';
  return row.comment === FUNCTION_COMMENT ? 'ours' : 'foreign';
}
