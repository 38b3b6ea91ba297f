import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { sql, type Expression, type SqlBool } from 'kysely';
import { MIGRATIONS_TABLE } from '../../../migrations/migrations-table.js';
import { sqliteMigrations } from '../../../migrations/sqlite/index.js';
import { sqliteCatalog } from '../../../migrations/sqlite/catalog.js';
import { LOCK_WAIT_SECONDS } from '../../time-limits/lock-wait.js';
import type { Dialect, Options } from '../dialect.js';
import { isBeyondEither, withEqual } from '../plain-conditions.js';
import { sqliteAdoption } from './adoption.js';
import { isBusy, sqliteFaultOf } from './errors.js';
import { explainSqlite } from './explain.js';
import { FileOrmDriver } from './file-connection.js';
import { findSqliteTables } from './found-tables.js';
import { FOLD } from './folded-text.js';
import { sqliteInspection } from './inspection.js';
import { NodeSqliteFileDialect } from './kysely-dialect.js';
import { reasonForNoChanges } from './no-changes.js';
import { sqliteScripts } from './scripts.js';
import type { MayChange } from './file.js';

/** SQLite, through Node's own `node:sqlite`: a file, or a database in memory. */
export const sqlite: Dialect = {
  kind: 'sqlite',
  title: 'SQLite',
  minVersion: [3, 35],
  isFile: true,
  schemes: ['sqlite'],
  urlForm: 'sqlite:PATH',
  faultOf: sqliteFaultOf,
  explain: explainSqlite,
  connections: {
    options: (url, owner) =>
      Promise.resolve(optionsOf(url.slice('sqlite:'.length), owner === 'change theirs' ? () => true : isOursOrEmpty)),
    use({ config }) {
      const { taken, open, most, waiting } = (config.get('driverOptions') as unknown as NodeSqliteFileDialect).use;
      return Promise.resolve({ active: taken, idle: Math.max(0, open - taken), waiting, most });
    },
    // No other process ends a transaction of this one.
    withIdleLimit: (_em, _seconds, work) => work(),
    reasonForNoChanges,
    // Whether a file may be written is known when it is opened; that this has changed shows only when a change fails.
    unseenFaults: ['full', 'read_only'],
  },
  sql: {
    now: (secondsLater = 0) => `(cast(unixepoch('subsec') * 1000 as integer) + ${Math.round(secondsLater * 1000)})`,
    uuidOrders: [],
    isText: (column, text) => sql<SqlBool>`${folded(column)} = ${folded(text)}`,
    isLike: (column, pattern) => sql<SqlBool>`${folded(column)} like ${folded(pattern)} escape '!'`,
    isAmongFew: (key, keys) => sql<SqlBool>`${key} in ${keys}`,
    indexesTexts: { equal: false, beginnings: false },
    isBeyond: isBeyondEither,
    withOnly: withEqual,
    // A transaction that writes excludes all other writers from its beginning.
    forUpdate: query => query,
    forShare: query => query,
    selectByIndex: (db, table) => db.selectFrom(table) as never,
  },
  schema: {
    migrations: sqliteMigrations,
    catalog: sqliteCatalog,
    readTables: findSqliteTables,
    // A file has no others.
    otherPlaces: () => Promise.resolve([]),
    wayToOtherPlaces: '',
    isTransactional: true,
    exclusively: (_, work) => work(),
    isMadeByAnother: error => /^table .* already exists$/.test((error as Error).message),
    isHeldByAnother,
    isMissing: () => false,
    followKeys: () => Promise.resolve(),
    alteredShare: () => Promise.resolve(null),
  },
  privileges: null,
  inspection: sqliteInspection,
  adoption: sqliteAdoption,
  scripts: sqliteScripts,
};

/** Returns the expression by which a text is compared. */
function folded(text: Expression<string> | string): Expression<string> {
  return sql`${sql.raw(FOLD)}(${text})`;
}

function optionsOf(path: string, mayChange: MayChange): Options {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
  return {
    driver: FileOrmDriver,
    dbName: path,
    driverOptions: new NodeSqliteFileDialect(path, LOCK_WAIT_SECONDS * 1000, mayChange),
  };
}

/**
 * Returns true for a file that our migrations made, or that contains no table yet; they create their record in the same
 * transaction.
 */
const isOursOrEmpty: MayChange = select => {
  if (
    select(
      `select 1 from sqlite_master where name not like 'sqlite\\_%' escape '\\' and name <> '${MIGRATIONS_TABLE}' limit 1`,
    ).length === 0
  )
    return true;
  return select(`select id, name, executed_at from ${MIGRATIONS_TABLE} limit 1`).length > 0;
};

/** Returns true for the error that another process has locked the whole file, even if the ORM has wrapped it. */
function isHeldByAnother(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { cause, previous } = error as { cause?: unknown; previous?: unknown };
  return isBusy(error) || isHeldByAnother(cause) || isHeldByAnother(previous);
}
