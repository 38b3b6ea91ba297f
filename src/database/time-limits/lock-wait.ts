/**
 * The longest time for which a statement waits for a lock that another session holds, in seconds: on rows, on a file
 * or, during a schema change, on a table.
 *
 * Writers of one course take milliseconds each, so a statement that waits this long waits for something that is stuck.
 * With the limits of MySQL and MariaDB, 50 seconds for rows and a day or a year for tables, it would block a caller,
 * and a connection of the pool, for longer than any client waits. Migrations have a longer limit of their own.
 */
export const LOCK_WAIT_SECONDS = 5;
