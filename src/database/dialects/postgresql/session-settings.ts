import type { SqlEntityManager } from '@mikro-orm/sql';
import { LOCK_WAIT_SECONDS } from '../../time-limits/lock-wait.js';

/**
 * The longest time for which a transaction may be idle, in seconds. A process that is suspended or disconnected in the
 * middle of one would keep its locks for ever; ours send one statement after another.
 */
const MAX_IDLE_SECONDS = 15;

/**
 * The time between two looks of the server, during a statement, whether its client still exists, in seconds: nobody waits
 * for the statement of a process that is gone.
 */
const CLIENT_CHECK_SECONDS = 5;

/** The setting that limits how long a transaction is idle. */
const IDLE_LIMIT = 'idle_in_transaction_session_timeout';

/** Returns the settings of each connection; `maxIdleSeconds` limits how long a transaction may be idle. */
export function sessionSettings(maxIdleSeconds = MAX_IDLE_SECONDS): string[] {
  return [
    [
      // All texts of moments that the server sends are in UTC.
      "set timezone = 'UTC'",
      "set datestyle = 'ISO, YMD'",
      // The schema in which MikroORM expects tables without one.
      'set search_path = public',
      // The engine takes the locks that it needs; higher levels would only add conflicts.
      "set default_transaction_isolation = 'read committed'",
      `set lock_timeout = '${LOCK_WAIT_SECONDS}s'`,
      `set ${IDLE_LIMIT} = '${maxIdleSeconds}s'`,
      // Not on every system can a server look whether its client exists.
      `do $$ begin perform set_config('client_connection_check_interval', '${CLIENT_CHECK_SECONDS}s', false); exception when others then null; end $$`,
    ].join('; '),
  ];
}

/** Runs work in the transaction of an entity manager that may be idle for some seconds, or for long (null). */
export async function withIdleLimit<Result>(
  em: SqlEntityManager,
  seconds: number | null,
  work: () => Promise<Result>,
): Promise<Result> {
  await em.execute(`set local ${IDLE_LIMIT} = '${seconds ?? 0}s'`, [], 'run');
  try {
    return await work();
  } finally {
    // If the connection is lost in the meantime, so are its settings; a rollback restores them too.
    await em.execute(`set local ${IDLE_LIMIT} = '${MAX_IDLE_SECONDS}s'`, [], 'run').catch(() => undefined);
  }
}
