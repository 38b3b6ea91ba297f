import { setTimeout as delay } from 'node:timers/promises';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CompiledQuery, type DatabaseConnection } from 'kysely';
import { cut } from '../../connections/cut.js';
import type { DatabaseKind } from '../../texts/database-url.js';

/** A database to which several connections go. */
type ServerKind = Exclude<DatabaseKind, 'sqlite'>;

/**
 * Limits how long a statement waits for a lock that another session holds, in seconds: on rows, or, as a schema change
 * holds it, on a table.
 *
 * Writers of one course take milliseconds each, so who waits this long waits for something that is stuck. With the
 * limits of MySQL and MariaDB, 50 seconds for rows and a day or a year for tables, it would keep a caller, and a
 * connection of the pool, for longer than anybody stays. Migrations have a longer limit of their own.
 */
export const LOCK_WAIT = 5;

/**
 * Limits how long a transaction may do nothing, in seconds. A process that is frozen or cut off in the middle of one
 * would keep its locks for eight hours, MySQL's limit; ours send one statement after the other.
 */
const MAX_IDLE_SECONDS = 15;

/** No limit that anybody meets: a year, the longest that MySQL takes, and on MariaDB none. */
const UNLIMITED: Readonly<Record<ServerKind, number>> = { mysql: 31_536_000, mariadb: 0 };

/** How long opening a connection may take after the server has let it in, in milliseconds. */
const MAX_SETTING_MS = 5000;

/**
 * Returns the statement that limits how long a session may do nothing: MariaDB has a limit for transactions alone,
 * MySQL only one for all sessions.
 */
function idleLimitSql(kind: ServerKind, seconds: number): string {
  return `set session ${kind === 'mysql' ? 'wait_timeout' : 'idle_transaction_timeout'} = ${seconds}`;
}

/** Returns the settings of each connection; `maxIdleSeconds` limits how long a transaction may do nothing. */
export function sessionSettings(kind: ServerKind, maxIdleSeconds = MAX_IDLE_SECONDS): string[] {
  return [
    // The protocol takes the locks that it needs; the gap locks of REPEATABLE READ would only add deadlocks.
    'set session transaction isolation level read committed',
    `set session innodb_lock_wait_timeout = ${LOCK_WAIT}, lock_wait_timeout = ${LOCK_WAIT}`,
    idleLimitSql(kind, maxIdleSeconds),
  ];
}

/**
 * Prepares a new connection, and cuts it where that fails or the server does not answer: Kysely neither uses it then
 * nor gives it back.
 */
export async function prepareSession(connection: DatabaseConnection, settings: readonly string[]): Promise<void> {
  const over = new AbortController();
  const late = delay(MAX_SETTING_MS, undefined, { signal: over.signal }).then(() => {
    throw Object.assign(
      new Error(`The database let a connection in and then did not answer for ${MAX_SETTING_MS} ms.`),
      { code: 'ETIMEDOUT', fatal: true },
    );
  });
  const prepared = (async () => {
    for (const sql of settings) await connection.executeQuery(CompiledQuery.raw(sql));
  })();
  try {
    await Promise.race([prepared, late]);
  } catch (error) {
    void cut(connection).catch(() => undefined);
    throw error;
  } finally {
    over.abort();
    for (const one of [prepared, late]) one.catch(() => undefined);
  }
}

/**
 * Does work in the transaction of an entity manager that may do nothing for long, as while it writes to a slow pipe.
 */
export async function withoutIdleLimit<Result>(
  em: SqlEntityManager,
  kind: DatabaseKind,
  work: () => Promise<Result>,
): Promise<Result> {
  if (kind === 'sqlite') return work();
  await em.execute(idleLimitSql(kind, UNLIMITED[kind]), [], 'run');
  try {
    return await work();
  } finally {
    // A connection that is gone meanwhile has taken its settings along.
    await em.execute(idleLimitSql(kind, MAX_IDLE_SECONDS), [], 'run').catch(() => undefined);
  }
}
