import { mismatchesSql, type CountInSql } from '../count-sql.js';
import { oneLine } from '../one-line.js';
import { proceduresLeft } from '../procedures.js';
import { postgreSqlCountWords } from './count-words.js';
import { FUNCTION, FUNCTION_COMMENT, FUNCTION_TITLE, functionState } from './own-function.js';

/** Runs a query of a migration at once. */
type Execute = (sql: string) => Promise<readonly object[]>;

/**
 * Returns the statements that create the function verify_enrollment_counts() on PostgreSQL, or renew it, so that it
 * counts these counts: none where another application made one of this name, as its comment shows, which is published on
 * the channel.
 *
 * schema/functions.postgresql.sql has the same text, for people without Node.
 */
export async function functionStatements(execute: Execute, counts: readonly CountInSql[]): Promise<string[]> {
  if (await isTaken(execute)) return [];
  return [
    oneLine`create or replace function ${FUNCTION}() returns bigint
      language sql
      stable
      security invoker
    as $$
      select ${mismatchesSql(postgreSqlCountWords, counts)}
    $$`,
    `comment on function ${FUNCTION}() is '${FUNCTION_COMMENT}'`,
  ];
}

/** Returns the statements that drop the function, unless another application made it. */
export async function functionDrops(execute: Execute): Promise<string[]> {
  return (await isTaken(execute)) ? [] : [`drop function if exists ${FUNCTION}()`];
}

/** Returns true, and publishes it, if another application has a function or procedure with this name. */
async function isTaken(execute: Execute): Promise<boolean> {
  const taken = (await functionState(execute)) === 'foreign';
  if (taken) proceduresLeft.publish(FUNCTION_TITLE);
  return taken;
}
