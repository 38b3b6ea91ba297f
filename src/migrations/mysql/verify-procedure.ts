import { hexadecimalWords, mismatchesSql, type CountInSql } from '../count-sql.js';
import { oneLine } from '../one-line.js';
import { proceduresLeft } from '../procedures.js';
import { missingPrivilegeError } from './missing-privileges.js';
import { PROCEDURE, PROCEDURE_COMMENT, PROCEDURE_TITLE, procedureState } from './own-procedure.js';

/** Runs a statement of a migration at once, and returns its rows. */
type Execute = (sql: string) => Promise<readonly object[]>;

/** The privileges that creating and dropping the procedure needs, in the database. */
export const PROCEDURE_PRIVILEGES = ['CREATE ROUTINE', 'ALTER ROUTINE'];

/**
 * Creates the procedure verify_enrollment_counts() on MySQL or MariaDB, or renews it, so that it counts these counts. One
 * that another application made, as its comment shows, stays unchanged, which is published on the channel.
 *
 * schema/procedures.mysql.sql has the same text, for people without Node. Errors: MissingPrivilegeError.
 */
export async function makeProcedure(execute: Execute, counts: readonly CountInSql[]): Promise<void> {
  if (await isTaken(execute)) return;
  await change(execute, `drop procedure if exists ${PROCEDURE}`);
  await change(
    execute,
    oneLine`create procedure ${PROCEDURE}()
      reads sql data
      sql security invoker
      comment '${PROCEDURE_COMMENT}'
    select ${mismatchesSql(hexadecimalWords, counts)} as mismatches`,
  );
}

/** Drops the procedure, unless another application made it. Errors: MissingPrivilegeError. */
export async function dropProcedure(execute: Execute): Promise<void> {
  if (!(await isTaken(execute))) await change(execute, `drop procedure if exists ${PROCEDURE}`);
}

/** Returns true, and publishes it, if another application has a procedure with this name. */
async function isTaken(execute: Execute): Promise<boolean> {
  const taken = (await procedureState(execute)) === 'foreign';
  if (taken) proceduresLeft.publish(PROCEDURE_TITLE);
  return taken;
}

/** Runs a statement now, not at the migration's end as addSql() would, so that its error can be explained. */
async function change(execute: Execute, sql: string): Promise<void> {
  try {
    await execute(sql);
  } catch (error) {
    if (!isDenied(error)) throw error;
    const [row] = (await execute('select current_user() as account, database() as name')) as {
      account: string;
      name: string;
    }[];
    throw missingPrivilegeError(PROCEDURE_PRIVILEGES, row!.name, row!.account, { cause: error });
  }
}

/** Returns true for the server's error for a database or a routine that the user may not change. */
function isDenied(error: unknown): boolean {
  return [1044, 1370].includes((error as { errno?: number }).errno ?? 0);
}
