import { sql, type Kysely, type SelectQueryBuilder } from 'kysely';
import type { Tables } from '../../tables.js';
import { serverDialect } from '../mysql-and-mariadb/server-dialect.js';
import { forcedIndex } from './forced-index.js';
import { uuidOrders } from './uuid-order.js';

/** MariaDB's idle limit for transactions alone; 0 means none. */
export const mariaDbIdleLimit = { variable: 'idle_transaction_timeout', unlimited: 0 };

/** MariaDB. */
export const mariaDb = serverDialect({
  kind: 'mariadb',
  title: 'MariaDB',
  minVersion: [10, 11],
  loadDriver: async () => (await import('./driver.js')).LimitedMariaDbDriver,
  idleLimit: mariaDbIdleLimit,
  readOnlyVariable: 'tx_read_only',
  forShare: 'lock in share mode',
  uuidOrders,
  selectByIndex,
  // The stages of a copy, and of building indexes: the rows, then their indexes.
  alteredShareSql:
    "select (stage - 1 + progress / 100) / max_stage as share from information_schema.processlist where db = database() and info like 'alter table %' and max_stage > 0",
  grants: {
    // MariaDB shows the role's grants anyway.
    usingRole: () => '',
    asksForReferences: false,
  },
  inspection: {
    // It has no option for the format that it returns.
    explain: 'explain',
  },
  adoption: {
    timestampInUtc: column =>
      `(timestamp'1970-01-01 00:00:00' + interval cast(unix_timestamp(${column}) as decimal(20, 6)) second)`,
    // It takes the function for one that depends on the moment at which it is called.
    indexesTimestamps: false,
    waitsForReferring: true,
  },
});

/** Returns the query with a hint; the driver runs it without the hint if the index is missing. */
function selectByIndex<Table extends keyof Tables>(
  db: Kysely<Tables>,
  table: Table,
  index: string,
): SelectQueryBuilder<Tables, Table, object> {
  const hinted = sql`${sql.table(table)} ${forcedIndex(index)}`;
  return db.selectFrom(sql<Tables[Table]>`${sql.table(table)}`.as<typeof table>(hinted) as never);
}
