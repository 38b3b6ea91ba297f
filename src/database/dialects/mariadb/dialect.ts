import { sql, type Kysely, type SelectQueryBuilder } from 'kysely';
import type { Tables } from '../../tables.js';
import { serverDialect } from '../mysql-and-mariadb/server-dialect.js';

/** MariaDB's limit for transactions alone; 0 is none. */
export const mariaDbIdleLimit = { variable: 'idle_transaction_timeout', unlimited: 0 };

/** MariaDB. */
export const mariaDb = serverDialect({
  kind: 'mariadb',
  title: 'MariaDB',
  minVersion: [10, 11],
  loadDriver: async () => (await import('./driver.js')).LimitedMariaDbDriver,
  idleLimit: mariaDbIdleLimit,
  readOnlyVariable: 'tx_read_only',
  selectByIndex,
  sortsForFirst: true,
  // The stages of a copy, and of building indexes: the rows, then their indexes.
  alteredShareSql:
    "select (stage - 1 + progress / 100) / max_stage as share from information_schema.processlist where db = database() and info like 'alter table %' and max_stage > 0",
  grants: {
    // It shows the role's grants without being asked.
    usingRole: () => '',
    asksForReferences: false,
  },
  inspection: {
    // It has no word for the format that it gives.
    explain: 'explain',
  },
});

/**
 * A hint that names an index which is not there would be an error, and to exclude the primary key is enough, whichever
 * index is wanted.
 */
function selectByIndex<Table extends keyof Tables>(
  db: Kysely<Tables>,
  table: Table,
): SelectQueryBuilder<Tables, Table, object> {
  return db.selectFrom(
    sql<Tables[Table]>`${sql.table(table)}`.as<typeof table>(sql`${sql.table(table)} ignore index (primary)`) as never,
  );
}
