import { Migration } from '@mikro-orm/migrations';
import { oneLine } from '../one-line.js';
import { proceduresLeft } from '../procedures.js';
import { FUNCTION, FUNCTION_COMMENT, FUNCTION_TITLE, functionState } from './own-function.js';

/**
 * Creates the function verify_enrollment_counts() on PostgreSQL. An existing one that another application made, as its
 * comment shows, stays unchanged, which is published on the channel.
 *
 * schema/functions.postgresql.sql has the same text, for people without Node.
 */
export class VerifyFunction extends Migration {
  override async up(): Promise<void> {
    if (await this.#isTaken()) return;
    this.addSql(oneLine`create or replace function ${FUNCTION}() returns bigint
      language sql
      stable
      security invoker
    as $$
      select
        (
          select count(*) from core_course c
          where c.total_enrollments is distinct from (select count(*) from core_enrollments e where e.course_id = c.id)
        ) + (
          select count(*) from core_course c
          where c.active_enrollments is distinct from
            (select count(*) from core_enrollments e where e.course_id = c.id and e.status::text collate "C" = 'active')
        )
    $$`);
    this.addSql(`comment on function ${FUNCTION}() is '${FUNCTION_COMMENT}'`);
  }

  override async down(): Promise<void> {
    if (!(await this.#isTaken())) this.addSql(`drop function if exists ${FUNCTION}()`);
  }

  /** Returns true, and publishes it, if another application has a function or procedure with this name. */
  async #isTaken(): Promise<boolean> {
    const isTaken = (await functionState(sql => this.execute(sql) as Promise<object[]>)) === 'foreign';
    if (isTaken) proceduresLeft.publish(FUNCTION_TITLE);
    return isTaken;
  }
}
