import 'reflect-metadata';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Options as OrmOptions } from '@mikro-orm/core';
import { ReflectMetadataProvider } from '@mikro-orm/decorators/legacy';
import { Migrator } from '@mikro-orm/migrations';
import { SchemaGenerator, SqliteDriver } from '@mikro-orm/sql';
import type { DatabaseConnection } from 'kysely';
import { withCounters, type CounterStrategy } from '../counters/index.js';
import { counters, Course, Enrollment, RecountChange, RecountRun, User } from '../entities/index.js';
import { migrationsFor } from '../migrations/index.js';
import { databaseKind } from './texts/database-url.js';
import { LOCK_WAIT, prepareSession, sessionSettings } from './dialects/mysql-and-mariadb/session-settings.js';
import { NodeSqliteFileDialect } from './dialects/sqlite/sqlite-dialect.js';
import type { MayChange } from './dialects/sqlite/sqlite-file.js';
import { StatementTracer } from './tracing/statement-tracer.js';

/** Is what MikroORM.init takes. */
export type Options = Partial<OrmOptions>;

/** How long opening a connection may take until the server lets it in, in milliseconds. */
const MAX_CONNECT_MS = 5000;

/**
 * After how long without a sign of a server that owes an answer the system asks whether its machine is still there, in
 * milliseconds; ten seconds later it counts as gone.
 */
const KEEP_ALIVE_MS = 10_000;

/** The table in which the applied migrations are recorded. */
const MIGRATIONS_TABLE = 'rollcall_migrations';

/** Gives the ORM options for a database URL, with the counters switched on. */
export async function ormOptions(url: string, strategy: CounterStrategy = 'hooks'): Promise<Options> {
  const kind = databaseKind(url);
  return withCounters<Options>(
    {
      ...(kind === 'sqlite' ? sqliteOptions(url.slice('sqlite:'.length)) : await serverOptions(url, kind)),
      entities: [User, Course, Enrollment, RecountRun, RecountChange],
      metadataProvider: ReflectMetadataProvider,
      extensions: [Migrator, SchemaGenerator],
      migrations: {
        migrationsList: migrationsFor(kind),
        tableName: MIGRATIONS_TABLE,
        snapshot: false,
        transactional: true,
      },
      // Procedures are none of the entities', and one may be the Django app's; a schema update would drop them.
      schemaGenerator: { ignoreRoutines: true },
      // Errors reach the caller whole; MikroORM's own console log would print them a second time.
      logger: () => undefined,
      loggerFactory: options => new StatementTracer(options, kind),
    },
    counters,
    strategy,
  );
}

function sqliteOptions(path: string): Options {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
  return {
    driver: SqliteDriver,
    dbName: path,
    driverOptions: new NodeSqliteFileDialect(path, LOCK_WAIT * 1000, isOursOrEmpty),
  };
}

/**
 * Returns true for a file that our migrations made, or that holds no table yet; they come with their record, in one
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

async function serverOptions(url: string, kind: 'mysql' | 'mariadb'): Promise<Options> {
  // Loaded only where it is used: it takes a sixth of the time that a command needs to start.
  const { LimitedMariaDbDriver, LimitedMySqlDriver } = await import('./dialects/mysql-and-mariadb/server-driver.js');
  return {
    driver: kind === 'mysql' ? LimitedMySqlDriver : LimitedMariaDbDriver,
    clientUrl: url,
    pool: { min: 0, max: 20 },
    driverOptions: { connectTimeout: MAX_CONNECT_MS, keepAliveInitialDelay: KEEP_ALIVE_MS, gracefulEnd: true },
    onCreateConnection: connection =>
      prepareSession(connection as unknown as DatabaseConnection, sessionSettings(kind)),
  };
}
