import type { ProcedureState } from '../procedures.js';

/** The procedure that counts the stored counts which differ from the enrollments. */
export const PROCEDURE = 'verify_enrollment_counts';

/** What it is, and its name. */
export const PROCEDURE_TITLE = `procedure ${PROCEDURE}`;

/** The comment by which our procedure is recognized. */
export const PROCEDURE_COMMENT = 'Counts the stored counts that differ from the enrollments; changes nothing.';

/** Returns whose procedure of this name a database has: the comment distinguishes ours from another application's. */
export async function procedureState(read: (sql: string) => Promise<readonly object[]>): Promise<ProcedureState> {
  const sql = `select routine_comment as comment from information_schema.routines where routine_schema = database() and routine_type = 'PROCEDURE' and routine_name = '${PROCEDURE}'`;
  const [row] = (await read(sql)) as { comment: string }[];
  if (row === undefined) return 'none';
  return row.comment === PROCEDURE_COMMENT ? 'ours' : 'foreign';
}
