import type { SqlEntityManager } from '@mikro-orm/sql';
import { LOCK_WAIT_SECONDS } from '../../time-limits/lock-wait.js';

/**
 * The longest time for which a transaction may be idle, in seconds. A process that is suspended or disconnected in the
 * middle of one would keep its locks for eight hours, MySQL's limit; ours send one statement after another.
 */
const MAX_IDLE_SECONDS = 15;

/** The way in which a server limits how long a session is idle. */
export interface IdleLimit {
  /** The session variable of the limit, in seconds. */
  readonly variable: string;
  /** The value that has the effect of no limit. */
  readonly unlimited: number;
}

function idleLimitSql({ variable }: IdleLimit, seconds: number): string {
  return `set session ${variable} = ${seconds}`;
}

/** Returns the settings of each connection; `maxIdleSeconds` limits how long a transaction may be idle. */
export function sessionSettings(idleLimit: IdleLimit, maxIdleSeconds = MAX_IDLE_SECONDS): string[] {
  return [
    // The engine takes the locks that it needs; the gap locks of REPEATABLE READ would only add deadlocks.
    'set session transaction isolation level read committed',
    `set session innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, lock_wait_timeout = ${LOCK_WAIT_SECONDS}`,
    idleLimitSql(idleLimit, maxIdleSeconds),
  ];
}

/** Runs work in the transaction of an entity manager that may be idle for some seconds, or for long (null). */
export async function withIdleLimit<Result>(
  em: SqlEntityManager,
  idleLimit: IdleLimit,
  seconds: number | null,
  work: () => Promise<Result>,
): Promise<Result> {
  await em.execute(idleLimitSql(idleLimit, seconds ?? idleLimit.unlimited), [], 'run');
  try {
    return await work();
  } finally {
    // If the connection is lost in the meantime, so are its settings.
    await em.execute(idleLimitSql(idleLimit, MAX_IDLE_SECONDS), [], 'run').catch(() => undefined);
  }
}
