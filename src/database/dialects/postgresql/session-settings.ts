import type { SqlEntityManager } from '@mikro-orm/sql';
import { JOURNAL_TABLE } from '../../../map/mapped-table.js';
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

/**
 * The schema in which an application with the same search path makes its tables: the first one of the path, as the URL, the
 * user, the database or the server says it. Our own tables are in `public`, where MikroORM expects those without a schema.
 */
const FIRST_SCHEMA = "coalesce(quote_ident(current_schema()), 'public')";

/**
 * The condition that the database of another application in that schema was adopted, for any user: to_regclass() is an
 * error without the privilege USAGE in a schema.
 */
const IS_ADOPTED = `exists (select from pg_catalog.pg_class where relname = '${JOURNAL_TABLE}' and relnamespace = to_regnamespace(${FIRST_SCHEMA}))`;

/** The setting that limits how long a transaction is idle. */
const IDLE_LIMIT = 'idle_in_transaction_session_timeout';

/**
 * Returns the settings of each connection; `maxIdleSeconds` limits how long a transaction may be idle. `isTheirs`: the
 * connection is to another application's database, also before that was adopted.
 */
export function sessionSettings(maxIdleSeconds = MAX_IDLE_SECONDS, isTheirs = false): string[] {
  return [
    [
      // All texts of moments that the server sends are in UTC.
      "set timezone = 'UTC'",
      "set datestyle = 'ISO, YMD'",
      `select set_config('search_path', ${isTheirs ? FIRST_SCHEMA : `case when ${IS_ADOPTED} then ${FIRST_SCHEMA} else 'public' end`}, false)`,
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
