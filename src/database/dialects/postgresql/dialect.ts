import {
  sql,
  type DatabaseConnection,
  type Expression,
  type Kysely,
  type SelectQueryBuilder,
  type SqlBool,
} from 'kysely';
import { postgreSqlCatalog } from '../../../migrations/postgresql/catalog.js';
import { postgreSqlMigrations } from '../../../migrations/postgresql/index.js';
import { prepareSession } from '../../connections/prepare-session.js';
import type { Tables } from '../../tables.js';
import type { Compared, Database, Dialect } from '../dialect.js';
import { postgreSqlAdoption } from './adoption.js';
import { connectionOptions } from './connection-options.js';
import { hasState, postgreSqlFaultOf } from './errors.js';
import { explainPostgreSql } from './explain.js';
import { findPostgreSqlTables, otherSchemas } from './found-tables.js';
import { folded } from './folded-text.js';
import { postgreSqlInspection } from './inspection.js';
import { underMigrationLock } from './migration-lock.js';
import { postgreSqlPrivileges } from './privileges.js';
import { adaptSchema } from './schema-options.js';
import { postgreSqlScripts } from './scripts.js';
import { followKeys } from './storage.js';
import { sessionSettings, withIdleLimit } from './session-settings.js';
import type { PostgreSqlServerConnection } from './driver.js';

/** PostgreSQL. */
export const postgreSql: Dialect = {
  kind: 'postgresql',
  title: 'PostgreSQL',
  minVersion: [14, 0],
  isFile: false,
  schemes: ['postgresql', 'postgres'],
  urlForm: 'postgresql://USER:PASSWORD@HOST/DATABASE',
  faultOf: postgreSqlFaultOf,
  explain: explainPostgreSql,
  connections: {
    async options(url, owner) {
      return {
        driver: (await import('./driver.js')).LimitedPostgreSqlDriver,
        ...(await connectionOptions(url)),
        discovery: { afterDiscovered: adaptSchema },
        onCreateConnection: connection =>
          prepareSession(connection as DatabaseConnection, sessionSettings(undefined, owner !== 'ours')),
      };
    },
    use({ em }) {
      const { pool, slots } = em.getConnection() as unknown as PostgreSqlServerConnection;
      const { taken, waiting, most } = slots;
      return Promise.resolve({ active: taken, idle: Math.max(0, (pool?.totalCount ?? 0) - taken), waiting, most });
    },
    withIdleLimit,
    reasonForNoChanges,
    unseenFaults: ['full'],
  },
  sql: {
    // The moment at which the statement began, and not its transaction.
    now: (secondsLater = 0) =>
      `(date_trunc('milliseconds', statement_timestamp()) + interval '${Math.round(secondsLater * 1_000_000)} microseconds')`,
    uuidOrders: [uuid => uuid],
    // By the collation of the columns.
    isText: (column, text) => sql<SqlBool>`${column} = ${text}`,
    isLike: (column, pattern) =>
      // No text has a NUL.
      pattern.includes('\0') ? sql<SqlBool>`false` : sql<SqlBool>`${folded(column)} like ${folded(pattern)} escape '!'`,
    // The planner takes the size of an array for small, but may read the whole table for the rows of a query.
    isAmongFew: (key, keys) => sql<SqlBool>`${key} = any(array${keys})`,
    indexesTexts: { equal: true, beginnings: false },
    // Only such a comparison of rows is one range of an index.
    isBeyond: (column, key, operator) => isBeyondRow([column, key], operator),
    // Ranges of one value keep the columns in the order, which only an index with all of them then has.
    withOnly: (query, only, direction, bounds) =>
      only.reduce(
        (all, { column, value }) =>
          all.where(sql<SqlBool>`${column} between ${value} and ${value}`).orderBy(column as never, direction),
        bounds
          .map(({ operator, place }) => isBeyondRow([...only, ...place], operator))
          .reduce((all, bound) => all.where(bound), query),
      ),
    // As the engine locks: the check of a foreign key to the row does not wait for it.
    forUpdate: (query, whenLocked) =>
      whenLocked === 'skip' ? query.forNoKeyUpdate().skipLocked() : query.forNoKeyUpdate(),
    forShare: (query, whenLocked) => (whenLocked === 'skip' ? query.forShare().skipLocked() : query.forShare()),
    selectByIndex,
  },
  schema: {
    migrations: postgreSqlMigrations,
    catalog: postgreSqlCatalog,
    readTables: findPostgreSqlTables,
    otherPlaces: otherSchemas,
    wayToOtherPlaces:
      'One schema is read, the first of the search path: set it, such as by ?options=-csearch_path%3DSCHEMA at the end of the URL; or, for a copy, make a view of the other table there.',
    isTransactional: true,
    exclusively: underMigrationLock,
    // duplicate_database, duplicate_table, duplicate_object, and the violation of a unique index of the catalog by two
    // sessions at once.
    isMadeByAnother: error =>
      hasState(error, '42P04', '42P07', '42710') ||
      (hasState(error, '23505') && (error as { table?: string }).table?.startsWith('pg_') === true),
    isHeldByAnother: () => false,
    // invalid_catalog_name.
    isMissing: error => hasState(error, '3D000'),
    followKeys,
    alteredShare: () => Promise.resolve(null),
  },
  privileges: postgreSqlPrivileges,
  inspection: postgreSqlInspection,
  adoption: postgreSqlAdoption,
  scripts: postgreSqlScripts,
};

/** Returns the condition that the values of some columns are together beyond others. */
function isBeyondRow(compared: readonly Compared[], operator: '<' | '>'): Expression<SqlBool> {
  const [columns, values] = [compared.map(({ column }) => column), compared.map(({ value }) => sql`${value}`)];
  return sql<SqlBool>`(${sql.join(columns)}) ${sql.raw(operator)} (${sql.join(values)})`;
}

/** Returns the query; the planner chooses the index by itself. */
function selectByIndex<Table extends keyof Tables>(
  db: Kysely<Tables>,
  table: Table,
): SelectQueryBuilder<Tables, Table, object> {
  return db.selectFrom(table) as never;
}

/** Queries a server, and returns whether it accepts no changes from this user. Errors: the server's. */
async function reasonForNoChanges(database: Database): Promise<string | null> {
  const [row] = await database.em
    .getConnection()
    .execute<{ closed: boolean }[]>(
      "select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as closed",
    );
  return row!.closed ? 'read only' : null;
}
