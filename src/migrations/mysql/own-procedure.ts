import { PROCEDURE, stateOf, type ProcedureState } from '../procedures.js';

export { PROCEDURE, PROCEDURE_COMMENT } from '../procedures.js';

/** What it is, and its name. */
export const PROCEDURE_TITLE = `procedure ${PROCEDURE}`;

/** Returns whose procedure of this name a database has: the comment distinguishes ours from another application's. */
export async function procedureState(read: (sql: string) => Promise<readonly object[]>): Promise<ProcedureState> {
  return stateOf(await procedureComment(read, PROCEDURE));
}

/** Returns the comment of a procedure; undefined: there is none of this name. */
export async function procedureComment(
  read: (sql: string) => Promise<readonly object[]>,
  name: string,
): Promise<string | undefined> {
  const sql = `select routine_comment as comment from information_schema.routines where routine_schema = database() and routine_type = 'PROCEDURE' and routine_name = '${name}'`;
  const [row] = (await read(sql)) as { comment: string }[];
  return row?.comment;
}
