import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../src/database/database.js';

/** Comes back when a transaction of this database waits for a lock that another one holds; for MySQL and MariaDB. */
export async function untilLockWaits(database: Database): Promise<void> {
  for (;;) {
    const waiting = await database.em.getConnection().execute(
      `select 1 from information_schema.innodb_trx t join information_schema.processlist p on p.id = t.trx_mysql_thread_id
       where t.trx_state = 'LOCK WAIT' and p.db = database()`,
    );
    if (waiting.length > 0) return;
    // InnoDB refreshes what this table shows only when nobody has read it for 0.1 s.
    await delay(150);
  }
}
