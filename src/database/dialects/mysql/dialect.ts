import { sql, type Kysely, type SelectQueryBuilder } from 'kysely';
import type { Tables } from '../../tables.js';
import { serverDialect } from '../mysql-and-mariadb/server-dialect.js';

/** MySQL's limit is one for all sessions; a year, the longest that it takes, is met by nobody. */
export const mySqlIdleLimit = { variable: 'wait_timeout', unlimited: 31_536_000 };

/** MySQL. */
export const mySql = serverDialect({
  kind: 'mysql',
  title: 'MySQL',
  minVersion: [8, 4],
  loadDriver: async () => (await import('./driver.js')).LimitedMySqlDriver,
  idleLimit: mySqlIdleLimit,
  readOnlyVariable: 'transaction_read_only',
  selectByIndex,
  sortsForFirst: false,
  alteredShareSql: `select s.work_completed / nullif(s.work_estimated, 0) as share from performance_schema.events_stages_current s join performance_schema.threads t using (thread_id)
    where (s.event_name = 'stage/sql/copy to tmp table' or s.event_name like 'stage/innodb/alter table%') and t.processlist_db = database()`,
  grants: {
    usingRole: role => (role === 'NONE' ? '' : ` for current_user() using ${role}`),
    asksForReferences: true,
  },
  inspection: {
    // Its default can be a format that only people read.
    explain: 'explain format=traditional',
  },
});

/** A hint that names an index which is not there does nothing. */
function selectByIndex<Table extends keyof Tables>(
  db: Kysely<Tables>,
  table: Table,
  index: string | null,
): SelectQueryBuilder<Tables, Table, object> {
  const hint = index === null ? `no_index(${table} primary)` : `index(${table} ${index})`;
  return (db.selectFrom(table) as unknown as SelectQueryBuilder<Tables, Table, object>).modifyFront(
    sql.raw(`/*+ ${hint} */`),
  );
}
