import { SqliteDriver, type AbstractSqlDriver } from '@mikro-orm/sql';

/**
 * Gives SQL for this moment, and for `seconds` later, by the database's clock, as its columns hold moments.
 *
 * Leases are compared by that clock alone: the processes that share a database need not agree on the time.
 */
export function nowSql(driver: AbstractSqlDriver | object, seconds = 0): string {
  if (driver instanceof SqliteDriver)
    return `(cast(unixepoch('subsec') * 1000 as integer) + ${Math.round(seconds * 1000)})`;
  return `(utc_timestamp(3) + interval ${Math.round(seconds * 1_000_000)} microsecond)`;
}
