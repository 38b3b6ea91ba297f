import { setTimeout as delay } from 'node:timers/promises';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { dialectOf, type Database } from '../../src/database/database.js';
import { waitUntil } from './wait.js';

/** Returns when a transaction of this database waits for a lock of another one; for servers. */
export async function untilLockWaits(database: Database): Promise<void> {
  if (isPostgreSql(database)) {
    const waits = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    const isWaiting = async () => (await database.em.getConnection().execute(waits)).length > 0;
    return waitUntil(isWaiting, 'No transaction waits for a lock.');
  }
  for (;;) {
    const waiting = await database.em.getConnection().execute(
      `select 1 from information_schema.innodb_trx t join ${processesOf(database)} p on p.id = t.trx_mysql_thread_id
       where t.trx_state = 'LOCK WAIT' and p.db = database()`,
    );
    if (waiting.length > 0) return;
    // InnoDB refreshes this table only when nobody has read it for 0.1 s.
    await delay(150);
  }
}

/**
 * Returns whether a session of this database waits for a named lock: one of GET_LOCK, or an advisory one of PostgreSQL.
 */
export async function namedLockWaits(database: Database): Promise<boolean> {
  if (dialectOf(database).kind === 'postgresql') {
    const waits = `select 1 from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`;
    return (await database.em.getConnection().execute(waits)).length > 0;
  }
  const waiting = await database.em
    .getConnection()
    .execute(`select 1 from ${processesOf(database)} where db = database() and state = 'User lock'`);
  return waiting.length > 0;
}

/**
 * Returns the number of sessions of this database that wait for a lock on a whole table, such as a change of the schema
 * takes; for servers.
 */
export async function tableLockWaits(database: Database): Promise<number> {
  if (isPostgreSql(database)) {
    const waits = `select 1 from pg_locks where database = (select oid from pg_database where datname = current_database()) and locktype = 'relation' and not granted`;
    return (await database.em.getConnection().execute(waits)).length;
  }
  const waiting = await database.em
    .getConnection()
    .execute(
      `select 1 from ${processesOf(database)} where db = database() and state = 'Waiting for table metadata lock'`,
    );
  return waiting.length;
}

function isPostgreSql(database: Database): boolean {
  return database.em.getDriver() instanceof PostgreSqlDriver;
}

/**
 * Returns the name of the table of sessions; MySQL's older one fails while a statement of any session contains a
 * character of four bytes.
 */
function processesOf(database: Database): string {
  return dialectOf(database).kind === 'mariadb' ? 'information_schema.processlist' : 'performance_schema.processlist';
}
