/**
 * The longest wait of a statement for a lock that another session holds, in seconds: on rows, on a file, or, as a
 * schema change holds it, on a table.
 *
 * Writers of one course take milliseconds each, so what waits this long waits for something that is stuck. With the
 * limits of MySQL and MariaDB, 50 seconds for rows and a day or a year for tables, it would keep a caller, and a
 * connection of the pool, for longer than anybody stays. Migrations have a longer limit of their own.
 */
export const LOCK_WAIT_SECONDS = 5;
