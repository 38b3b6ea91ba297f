import type { SqlEntityManager } from '@mikro-orm/sql';
import { LOCK_WAIT_SECONDS } from '../../time-limits/lock-wait.js';

/**
 * The longest time for which a transaction may do nothing, in seconds. A process that is frozen or cut off in the
 * middle of one would keep its locks for eight hours, MySQL's limit; ours send one statement after the other.
 */
const MAX_IDLE_SECONDS = 15;

/** How a server limits the time for which a session does nothing. */
export interface IdleLimit {
  /** The variable of a session that holds the limit, in seconds. */
  readonly variable: string;
  /** The value with which nobody meets the limit. */
  readonly unlimited: number;
}

function idleLimitSql({ variable }: IdleLimit, seconds: number): string {
  return `set session ${variable} = ${seconds}`;
}

/** Returns the settings of each connection; `maxIdleSeconds` limits how long a transaction may do nothing. */
export function sessionSettings(idleLimit: IdleLimit, maxIdleSeconds = MAX_IDLE_SECONDS): string[] {
  return [
    // The protocol takes the locks that it needs; the gap locks of REPEATABLE READ would only add deadlocks.
    'set session transaction isolation level read committed',
    `set session innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, lock_wait_timeout = ${LOCK_WAIT_SECONDS}`,
    idleLimitSql(idleLimit, maxIdleSeconds),
  ];
}

/** Does work in the transaction of an entity manager that may do nothing for long. */
export async function withoutIdleLimit<Result>(
  em: SqlEntityManager,
  idleLimit: IdleLimit,
  work: () => Promise<Result>,
): Promise<Result> {
  await em.execute(idleLimitSql(idleLimit, idleLimit.unlimited), [], 'run');
  try {
    return await work();
  } finally {
    // A connection that is gone meanwhile has taken its settings along.
    await em.execute(idleLimitSql(idleLimit, MAX_IDLE_SECONDS), [], 'run').catch(() => undefined);
  }
}
