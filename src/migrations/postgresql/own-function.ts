import { PROCEDURE, PROCEDURE_COMMENT, stateOf, type ProcedureState } from '../procedures.js';

/** The function that counts the stored counts which differ from the enrollments. */
export const FUNCTION = PROCEDURE;

/** What it is, and its name. */
export const FUNCTION_TITLE = `function ${FUNCTION}`;

/** The comment by which our function is recognized. */
export const FUNCTION_COMMENT = PROCEDURE_COMMENT;

/** Returns whose function or procedure of this name, without arguments, a database has: the comment distinguishes ours. */
export async function functionState(read: (sql: string) => Promise<readonly object[]>): Promise<ProcedureState> {
  return stateOf(await functionComment(read, FUNCTION));
}

/** Returns the comment of a function or procedure without arguments; undefined: there is none of this name. */
export async function functionComment(
  read: (sql: string) => Promise<readonly object[]>,
  name: string,
): Promise<string | undefined> {
  const sql = `select coalesce(obj_description(oid, 'pg_proc'), '') as comment from pg_proc where pronamespace = to_regnamespace(quote_ident(current_schema())) and proname = '${name}' and pronargs = 0`;
  const [row] = (await read(sql)) as { comment: string }[];
  return row?.comment;
}
