import { Migration } from '@mikro-orm/migrations';
import { MissingPrivilegeError } from '../missing-privilege-error.js';
import { oneLine } from '../one-line.js';

/** The comment by which our procedure is known. */
const OUR_COMMENT = 'Counts the stored counts that differ from the enrollments; changes nothing.';

/**
 * Creates the procedure verify_enrollment_counts() on MySQL and MariaDB. One of this name that another application made,
 * which its comment tells, stays as it is.
 *
 * schema/procedures.mysql.sql has the same text, for those without Node. Errors: MissingPrivilegeError.
 */
export class VerifyProcedure extends Migration {
  static readonly privileges = ['CREATE ROUTINE', 'ALTER ROUTINE'];

  override async up(): Promise<void> {
    if (await this.#isTaken()) return;
    await this.#change('drop procedure if exists verify_enrollment_counts');
    await this.#change(oneLine`create procedure verify_enrollment_counts()
      reads sql data
      sql security invoker
      comment '${OUR_COMMENT}'
    select
      (
        select count(*) from core_course c
        where coalesce(c.total_enrollments, -1) <> (select count(*) from core_enrollments e where e.course_id = c.id)
      ) + (
        select count(*) from core_course c
        where coalesce(c.active_enrollments, -1) <>
          (select count(*) from core_enrollments e where e.course_id = c.id and hex(e.status) = hex('active'))
      ) as mismatches`);
  }

  override async down(): Promise<void> {
    if (!(await this.#isTaken())) await this.#change('drop procedure if exists verify_enrollment_counts');
  }

  /** Returns true where a procedure of this name is there that is not ours. */
  async #isTaken(): Promise<boolean> {
    const sql = "select routine_comment as comment from information_schema.routines where routine_schema = database() and routine_type = 'PROCEDURE' and routine_name = 'verify_enrollment_counts'";
    const [row] = (await this.execute(sql)) as { comment: string }[];
    return row !== undefined && row.comment !== OUR_COMMENT;
  }

  /** Runs a statement now, not at the migration's end as addSql() would, so that its error can be explained. */
  async #change(sql: string): Promise<void> {
    try {
      await this.execute(sql);
    } catch (error) {
      if (!isDenied(error)) throw error;
      const [row] = (await this.execute('select current_user() as account, database() as name')) as { account: string; name: string }[];
      throw new MissingPrivilegeError(VerifyProcedure.privileges, row!.name, row!.account, { cause: error });
    }
  }
}

/** Tells whether an error is one of the server's for a database or a routine that the user may not change. */
function isDenied(error: unknown): boolean {
  return [1044, 1370].includes((error as { errno?: number }).errno ?? 0);
}
