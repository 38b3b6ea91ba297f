import { Migration } from '@mikro-orm/migrations';
import { oneLine } from '../one-line.js';
import { proceduresLeft } from '../procedures.js';
import { missingPrivilegeError } from './missing-privileges.js';
import { PROCEDURE, PROCEDURE_COMMENT, PROCEDURE_TITLE, procedureState } from './own-procedure.js';

/**
 * Creates the procedure verify_enrollment_counts() on MySQL and MariaDB. An existing one that another application made,
 * as its comment shows, stays unchanged, which is published on the channel.
 *
 * schema/procedures.mysql.sql has the same text, for people without Node. Errors: MissingPrivilegeError.
 */
export class VerifyProcedure extends Migration {
  static readonly privileges = ['CREATE ROUTINE', 'ALTER ROUTINE'];

  override async up(): Promise<void> {
    if (await this.#isTaken()) return;
    await this.#change(`drop procedure if exists ${PROCEDURE}`);
    await this.#change(oneLine`create procedure ${PROCEDURE}()
      reads sql data
      sql security invoker
      comment '${PROCEDURE_COMMENT}'
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
    if (!(await this.#isTaken())) await this.#change(`drop procedure if exists ${PROCEDURE}`);
  }

  /** Returns true, and publishes it, if another application has a procedure with this name. */
  async #isTaken(): Promise<boolean> {
    const isTaken = (await procedureState(sql => this.execute(sql) as Promise<object[]>)) === 'foreign';
    if (isTaken) proceduresLeft.publish(PROCEDURE_TITLE);
    return isTaken;
  }

  /** Runs a statement now, not at the migration's end as addSql() would, so that its error can be explained. */
  async #change(sql: string): Promise<void> {
    try {
      await this.execute(sql);
    } catch (error) {
      if (!isDenied(error)) throw error;
      const [row] = (await this.execute('select current_user() as account, database() as name')) as {
        account: string;
        name: string;
      }[];
      throw missingPrivilegeError(VerifyProcedure.privileges, row!.name, row!.account, { cause: error });
    }
  }
}

/** Returns true for the server's error for a database or a routine that the user may not change. */
function isDenied(error: unknown): boolean {
  return [1044, 1370].includes((error as { errno?: number }).errno ?? 0);
}
