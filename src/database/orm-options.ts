import 'reflect-metadata';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Options as OrmOptions } from '@mikro-orm/core';
import { ReflectMetadataProvider } from '@mikro-orm/decorators/legacy';
import { Migrator } from '@mikro-orm/migrations';
import { SchemaGenerator, SqliteDriver } from '@mikro-orm/sql';
import { CompiledQuery, type DatabaseConnection } from 'kysely';
import { withCounters, type CounterStrategy } from '../counters/index.js';
import { counters, Course, Enrollment, RecountChange, RecountRun, User } from '../entities/index.js';
import { migrationsFor } from '../migrations/index.js';
import { databaseKind } from './database-url.js';
import { NodeSqliteFileDialect } from './sqlite-dialect.js';
import type { MayChange } from './sqlite-file.js';
import { StatementTracer } from './statement-tracer.js';

/** Is what MikroORM.init takes. */
export type Options = Partial<OrmOptions>;

/**
 * Limits how long a statement waits for a lock that another session holds, in seconds: on rows, or, as a schema change holds it, on a table.
 *
 * Writers of one course take milliseconds each, so who waits this long waits for something that is stuck. With the limits of
 * MySQL and MariaDB, 50 seconds for rows and a day or a year for tables, it would keep a caller, and a connection of the
 * pool, for longer than anybody stays. Migrations have a longer limit of their own.
 */
const LOCK_WAIT = 5;

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
      migrations: { migrationsList: migrationsFor(kind), tableName: MIGRATIONS_TABLE, snapshot: false, transactional: true },
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
  return { driver: SqliteDriver, dbName: path, driverOptions: new NodeSqliteFileDialect(path, LOCK_WAIT * 1000, isOursOrEmpty) };
}

/** Returns true for a file that our migrations made, or that holds no table yet; they come with their record, in one transaction. */
const isOursOrEmpty: MayChange = select => {
  if (select(`select 1 from sqlite_master where name not like 'sqlite\\_%' escape '\\' and name <> '${MIGRATIONS_TABLE}' limit 1`).length === 0) return true;
  return select(`select id, name, executed_at from ${MIGRATIONS_TABLE} limit 1`).length > 0;
};

async function serverOptions(url: string, kind: 'mysql' | 'mariadb'): Promise<Options> {
  // Loaded only where it is used: it takes a sixth of the time that a command needs to start.
  const { cut, LimitedMariaDbDriver, LimitedMySqlDriver } = await import('./server-driver.js');
  return {
    driver: kind === 'mysql' ? LimitedMySqlDriver : LimitedMariaDbDriver,
    clientUrl: url,
    pool: { min: 0, max: 20 },
    // The protocol takes the locks that it needs; the gap locks of REPEATABLE READ would only add deadlocks.
    onCreateConnection: async created => {
      const connection = created as unknown as DatabaseConnection;
      try {
        for (const setting of ['transaction isolation level read committed', `innodb_lock_wait_timeout = ${LOCK_WAIT}`, `lock_wait_timeout = ${LOCK_WAIT}`]) {
          await connection.executeQuery(CompiledQuery.raw(`set session ${setting}`));
        }
      } catch (error) {
        await cut(connection); // Kysely neither uses it nor gives it back.
        throw error;
      }
    },
  };
}
