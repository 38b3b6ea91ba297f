import { sql, type Kysely, type SelectQueryBuilder } from 'kysely';
import type { Tables } from '../../tables.js';
import { serverDialect } from '../mysql-and-mariadb/server-dialect.js';

/** MySQL's idle limit, which applies to all sessions; its largest value, a year, has the effect of none. */
export const mySqlIdleLimit = { variable: 'wait_timeout', unlimited: 31_536_000 };

/** MySQL. */
export const mySql = serverDialect({
  kind: 'mysql',
  title: 'MySQL',
  minVersion: [8, 4],
  loadDriver: async () => (await import('./driver.js')).LimitedMySqlDriver,
  idleLimit: mySqlIdleLimit,
  readOnlyVariable: 'transaction_read_only',
  forShare: 'for share',
  uuidOrders: [],
  selectByIndex,
  alteredShareSql: `select s.work_completed / nullif(s.work_estimated, 0) as share from performance_schema.events_stages_current s join performance_schema.threads t using (thread_id)
    where (s.event_name = 'stage/sql/copy to tmp table' or s.event_name like 'stage/innodb/alter table%') and t.processlist_db = database()`,
  grants: {
    usingRole: role => (role === 'NONE' ? '' : ` for current_user() using ${role}`),
    asksForReferences: true,
  },
  inspection: {
    // The server's default can be a format that only people can read.
    explain: 'explain format=traditional',
  },
  adoption: {
    // MySQL 9.7 loses the fraction of the second with the time zone. It is the same in all of them.
    timestampInUtc: column =>
      `(cast(left(cast(cast(${column} at time zone '+00:00' as datetime(6)) as char), 19) as datetime) + interval microsecond(${column}) microsecond)`,
    indexesTimestamps: true,
    waitsForReferring: false,
  },
});

/** Returns the query with a hint; a hint that names a missing index has no effect. */
function selectByIndex<Table extends keyof Tables>(
  db: Kysely<Tables>,
  table: Table,
  index: string,
): SelectQueryBuilder<Tables, Table, object> {
  return (db.selectFrom(table) as unknown as SelectQueryBuilder<Tables, Table, object>).modifyFront(
    sql.raw(`/*+ index(${table} ${index}) */`),
  );
}
