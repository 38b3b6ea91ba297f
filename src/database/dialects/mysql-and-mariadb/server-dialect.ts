import { CompiledQuery, sql, type DatabaseConnection, type SqlBool } from 'kysely';
import { mySqlCatalog } from '../../../migrations/mysql/catalog.js';
import { mySqlMigrations } from '../../../migrations/mysql/index.js';
import { prepareSession } from '../../connections/prepare-session.js';
import type { Database, Dialect, Options, SqlRules } from '../dialect.js';
import { isBeyondEither, withEqual } from '../plain-conditions.js';
import { serverAdoption, type AdoptionDifferences } from './adoption.js';
import { hasNumber, serverFaultOf } from './errors.js';
import { explainServer } from './explain.js';
import { findServerTables, otherDatabases } from './found-tables.js';
import type { Pool } from './idle-connections.js';
import { serverInspection, type InspectionDifferences } from './inspection.js';
import { underMigrationLock } from './migration-lock.js';
import { MAX_PREPARED_STATEMENTS } from './prepared-statements.js';
import { serverPrivileges, type GrantDifferences } from './privileges.js';
import { serverScripts } from './scripts.js';
import { sessionSettings, withIdleLimit, type IdleLimit } from './session-settings.js';
import type { ServerConnection } from './server-connection.js';

/** The longest time for opening a connection until the server accepts it, in milliseconds. */
const MAX_CONNECT_MS = 5000;

/**
 * The time without a byte from a server that has not answered, in milliseconds, after which the operating system probes
 * whether its machine still exists; ten seconds later the connection is lost.
 */
const KEEP_ALIVE_MS = 10_000;

/** The most connections of a process to a server. */
const MAX_CONNECTIONS = 20;

/** The differences between MySQL and MariaDB. */
interface ServerDifferences {
  readonly kind: Dialect['kind'];
  readonly title: string;
  readonly minVersion: Dialect['minVersion'];
  /** Loads the driver, only when it is needed: it takes a sixth of the time in which a command starts. */
  readonly loadDriver: () => Promise<unknown>;
  readonly idleLimit: IdleLimit;
  /** The session variable that tells whether its transactions only read. */
  readonly readOnlyVariable: string;
  /** The words with which a query keeps others from changing its rows, and after which "skip locked" may stand. */
  readonly forShare: string;
  readonly uuidOrders: SqlRules['uuidOrders'];
  readonly selectByIndex: SqlRules['selectByIndex'];
  /** The query for the fraction of its work that an ALTER TABLE of this database has done. */
  readonly alteredShareSql: string;
  readonly grants: GrantDifferences;
  readonly inspection: InspectionDifferences;
  readonly adoption: AdoptionDifferences;
}

/** Returns the dialect of MySQL or of MariaDB. */
export function serverDialect(own: ServerDifferences): Dialect {
  const { kind, title, minVersion, idleLimit } = own;
  return {
    kind,
    title,
    minVersion,
    isFile: false,
    schemes: [kind],
    urlForm: `${kind}://USER:PASSWORD@HOST/DATABASE`,
    faultOf: serverFaultOf,
    explain: explainServer,
    connections: {
      async options(url) {
        return {
          driver: (await own.loadDriver()) as NonNullable<Options['driver']>,
          clientUrl: url,
          pool: { min: 0, max: MAX_CONNECTIONS },
          driverOptions: {
            connectTimeout: MAX_CONNECT_MS,
            keepAliveInitialDelay: KEEP_ALIVE_MS,
            gracefulEnd: true,
            maxPreparedStatements: MAX_PREPARED_STATEMENTS,
          },
          onCreateConnection: connection =>
            prepareSession(connection as DatabaseConnection, sessionSettings(idleLimit)),
        };
      },
      async use({ em }) {
        const connection = em.getConnection() as unknown as ServerConnection;
        const { _allConnections: all } = (await connection.getNativeClient()) as unknown as Pool;
        const { taken, waiting, most } = connection.slots;
        return { active: taken, idle: Math.max(0, all.length - taken), waiting, most };
      },
      withIdleLimit: (em, seconds, work) => withIdleLimit(em, idleLimit, seconds, work),
      reasonForNoChanges: database => reasonForNoChanges(database, own.readOnlyVariable),
      unseenFaults: ['full'],
    },
    sql: {
      now: (secondsLater = 0) => `(utc_timestamp(3) + interval ${Math.round(secondsLater * 1_000_000)} microsecond)`,
      uuidOrders: own.uuidOrders,
      // The collations of the columns ignore case and accents.
      isText: (column, text) => sql<SqlBool>`${column} = ${text}`,
      isLike: (column, pattern) => sql<SqlBool>`${column} like ${pattern} escape '!'`,
      isAmongFew: (key, keys) => sql<SqlBool>`${key} in ${keys}`,
      indexesTexts: { equal: true, beginnings: true },
      isBeyond: isBeyondEither,
      withOnly: withEqual,
      forUpdate: (query, whenLocked) => (whenLocked === 'skip' ? query.forUpdate().skipLocked() : query.forUpdate()),
      forShare: (query, whenLocked) =>
        query.modifyEnd(whenLocked === 'skip' ? sql`${sql.raw(own.forShare)} skip locked` : sql.raw(own.forShare)),
      selectByIndex: own.selectByIndex,
    },
    schema: {
      migrations: mySqlMigrations,
      catalog: mySqlCatalog,
      readTables: findServerTables,
      otherPlaces: otherDatabases,
      wayToOtherPlaces:
        'One database is read: name it in the URL; or, for a copy, make a view of the other table in the database that the URL names.',
      isTransactional: false,
      exclusively: (database, work) => underMigrationLock(database, idleLimit, work),
      // ER_DB_CREATE_EXISTS, ER_TABLE_EXISTS_ERROR.
      isMadeByAnother: error => hasNumber(error, 1007, 1050),
      isHeldByAnother: () => false,
      // ER_BAD_DB_ERROR.
      isMissing: error => (error as { code?: string }).code === 'ER_BAD_DB_ERROR',
      followKeys: () => Promise.resolve(),
      async alteredShare(database) {
        const [row] = await database.em
          .getConnection()
          .execute<{ share: number | string | null }[]>(own.alteredShareSql);
        return row?.share == null ? null : Math.min(1, Number(row.share));
      },
    },
    privileges: serverPrivileges(own.grants),
    inspection: serverInspection(own.inspection),
    adoption: serverAdoption(own.adoption),
    scripts: serverScripts,
  };
}

/**
 * Queries a server, and returns whether it accepts no changes from this user, by beginning a transaction that it would
 * otherwise not begin. Errors: the server's.
 */
async function reasonForNoChanges(database: Database, readOnlyVariable: string): Promise<string | null> {
  const client = database.em.getConnection().getClient();
  return client.connection().execute(async connection => {
    const ask = (text: string) => connection.executeQuery<{ readonly closed: number }>(CompiledQuery.raw(text));
    let isClosed: boolean;
    try {
      await ask('start transaction read write');
      // The session's default for transactions that do not say whether they write, such as ours; and InnoDB's, which
      // applies to all.
      const { rows } = await ask(`select @@session.${readOnlyVariable} or @@innodb_read_only as closed`);
      isClosed = Number(rows[0]!.closed) === 1;
    } catch (error) {
      await ask('rollback').catch(() => undefined);
      throw error;
    }
    await ask('rollback');
    return isClosed ? 'read only' : null;
  });
}
