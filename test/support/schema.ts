import type { EntityClass } from '@mikro-orm/core';
import { ReflectMetadataProvider } from '@mikro-orm/decorators/legacy';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { MikroORM, SchemaGenerator, type SqlEntityManager } from '@mikro-orm/sql';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { installTriggers, withCounters, type Counter, type CounterStrategy } from 'mikro-orm-counters';
import type { Database } from '../../src/database/database.js';
import { Course } from '../../src/entities/index.js';
import { ormOptions, type Options } from '../../src/database/orm-options.js';
import { createCollation } from '../../src/migrations/postgresql/collation.js';
import { strategy, type EngineDatabaseKind } from './databases.js';
import { createDatabase, freshUrl } from './fresh-url.js';
import { makeTables } from './made-tables.js';
import { emptyAtOnce } from './server-connections.js';

/** The entities of a test's database and how to switch the counters on in it; `options` override Rollcall's own. */
export interface SchemaOptions {
  readonly entities: readonly EntityClass<object>[];
  readonly counters: readonly Counter[];
  readonly options?: Options;
}

/** A database that is emptied before each test of a block, with entity managers and raw SQL. */
export interface Schema {
  readonly kind: EngineDatabaseKind;
  readonly database: Database;
  readonly url: string;
  /** Returns an empty entity manager. */
  readonly em: () => SqlEntityManager;
  /** Reads rows with raw SQL. */
  readonly rows: <Row extends object = Record<string, unknown>>(
    sql: string,
    parameters?: readonly unknown[],
  ) => Promise<Row[]>;
  /** Writes with raw SQL, bypassing the counters. */
  readonly write: (sql: string, parameters?: readonly unknown[]) => Promise<void>;
}

/** Returns the ORM options for a test's own entities and counters on a database URL. */
export async function schemaOptions(
  url: string,
  { entities, counters, options = {} }: SchemaOptions,
  kept: CounterStrategy = strategy,
): Promise<Options> {
  return withCounters<Options>(
    { ...(await baseOptions(url, kept, entities)), subscribers: [], ...options, entities: [...entities] },
    counters,
    kept,
  );
}

/**
 * Returns the options before those of a test: Rollcall's own or, on PostgreSQL for other entities than Rollcall's, those
 * of MikroORM with its plain driver.
 */
export async function baseOptions(
  url: string,
  kept: CounterStrategy,
  entities: readonly EntityClass<object>[],
): Promise<Options> {
  if (!url.startsWith('postgresql:') || entities.includes(Course)) return ormOptions(url, kept);
  return {
    driver: PostgreSqlDriver,
    clientUrl: url,
    metadataProvider: ReflectMetadataProvider,
    extensions: [SchemaGenerator],
    logger: () => undefined,
  };
}

/** Opens a database for this caller alone and creates the schema of its entities. */
export async function freshSchema(
  kind: EngineDatabaseKind,
  schema: SchemaOptions,
  kept: CounterStrategy = strategy,
): Promise<{ database: Database; url: string; drop: () => Promise<void> }> {
  const { url, drop } = freshUrl(kind);
  const database = (await MikroORM.init((await schemaOptions(url, schema, kept)) as never)) as unknown as Database;
  await createDatabase(kind, database);
  if (kind === 'postgresql' && schema.entities.includes(Course))
    await database.em.getConnection().execute(createCollation, [], 'run');
  await makeTables(database);
  if (kept === 'triggers') await installTriggers(database.em);
  return {
    database,
    url,
    async drop() {
      await database.close(true);
      await drop();
    },
  };
}

/**
 * Opens one database for the block of tests that calls this, with the counters kept by this run's strategy by default,
 * and empties it before each of them.
 */
export function useSchema(kind: EngineDatabaseKind, schema: SchemaOptions, kept: CounterStrategy = strategy): Schema {
  let opened: Awaited<ReturnType<typeof freshSchema>>;
  beforeAll(async () => {
    opened = await freshSchema(kind, schema, kept);
  });
  beforeEach(() => emptyAtOnce(kind, opened.database));
  afterAll(() => opened.drop());
  const connection = () => opened.database.em.getConnection();
  return {
    kind,
    get database() {
      return opened.database;
    },
    get url() {
      return opened.url;
    },
    em: () => opened.database.em.fork(),
    rows: <Row extends object>(sql: string, parameters: readonly unknown[] = []) =>
      connection().execute<Row[]>(sql, [...parameters]),
    async write(sql, parameters = []) {
      await connection().execute(sql, [...parameters], 'run');
    },
  };
}

/** Ends a transaction that a test began by hand and did not end, so that it blocks no other test. */
export async function rollBackIfOpen(em: SqlEntityManager): Promise<void> {
  if (em.isInTransaction()) await em.rollback();
}
