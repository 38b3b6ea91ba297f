import { TableNotFoundException } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { MigrationEntry } from '../../migrations/migration-entry.js';
import { incompleteTablesIn, occupiedTablesIn } from '../../migrations/own-tables.js';
import { dialectOf, type Database } from '../database.js';
import { SchemaError } from './schema-error.js';

/** The most names that a message lists; the others are counted. */
const MAX_LISTED_NAMES = 10;

/** The schema of a database as it was found. */
export interface FoundSchema {
  /** The names of its tables and views. */
  readonly tables: readonly string[];
  /**
   * The names of the migrations that are recorded as applied, oldest first; null if there is no record, so that none
   * ever was.
   */
  readonly applied: readonly string[] | null;
  readonly pending: readonly MigrationEntry[];
  /** The recorded migrations that this version does not know. */
  readonly unknown: readonly string[];
}

/**
 * Reads what a database contains, in the entity manager's transaction if it has one, and creates no table, unlike the
 * migrator itself.
 */
export async function findSchema(database: Database, em: SqlEntityManager = database.em.fork()): Promise<FoundSchema> {
  const { catalog, migrations } = dialectOf(database).schema;
  const tables = await catalog.tableNames(em);
  const { tableName = '' } = database.config.get('migrations');
  const none = { tables, applied: null, pending: migrations, unknown: [] };
  if (!tables.includes(tableName)) return none;
  const columns = (await catalog.findTables(em, [tableName])).get(tableName)?.columns ?? [];
  if (!['id', 'name', 'executed_at'].every(column => columns.includes(column))) return none;
  const applied = (await em.execute<{ name: string }[]>(`select name from ${tableName} order by id`)).map(
    ({ name }) => name,
  );
  return {
    tables,
    applied,
    pending: migrations.filter(({ name }) => !applied.includes(name)),
    unknown: applied.filter(name => !migrations.some(one => one.name === name)),
  };
}

/**
 * Returns what a database contains. Throws SchemaError unless it is empty, or contains what our migrations made; it is
 * called before a migration or sample data change anything.
 *
 * If migrations are recorded, their tables are ours if they have their columns. A table of a pending migration may be
 * what an interrupted migration left; it then has its columns and no rows, and is completed by the next migration.
 */
export async function requireOwnSchema(
  database: Database,
  em: SqlEntityManager = database.em.fork(),
): Promise<FoundSchema> {
  try {
    return await requireOwnSchemaNow(database, em);
  } catch (error) {
    const mayBeReplaced = !dialectOf(database).schema.isTransactional;
    if (!(error instanceof SchemaError) || error.code !== 'SCHEMA_INCOMPLETE' || !mayBeReplaced) throw error;
    // A statement that replaces a table continues in the server after its client was killed, and the table does not
    // exist for a moment.
    await untilReplaced(database, em);
    return requireOwnSchemaNow(database, em);
  }
}

/**
 * Waits until no statement is replacing one of our tables: a statement that names a table waits for the one that
 * replaces it.
 */
async function untilReplaced(database: Database, em: SqlEntityManager): Promise<void> {
  for (const { name } of dialectOf(database).schema.migrations.flatMap(({ tables }) => tables)) {
    try {
      await em.execute(`select 1 from ${name} limit 0`);
    } catch (error) {
      if (!(error instanceof TableNotFoundException)) throw error;
    }
  }
}

async function requireOwnSchemaNow(database: Database, em: SqlEntityManager): Promise<FoundSchema> {
  const schema = await findSchema(database, em);
  const { applied, unknown, pending } = schema;
  const foreign = await foreignTables(database, em, schema);
  if (foreign.length > 0) {
    throw new SchemaError(
      'SCHEMA_NOT_OURS',
      `The database contains ${foreign.length === 1 ? 'a table that Rollcall' : 'tables that Rollcall'} did not make: ${listed(foreign)}. Nothing was changed. Give Rollcall an empty database of its own in DATABASE_URL; it cannot take over another application's tables.`,
    );
  }
  if (applied === null) return schema;
  if (unknown.length > 0) {
    throw new SchemaError(
      'SCHEMA_NEWER',
      `The database has migrations that this version of Rollcall does not know: ${listed(unknown)}. Nothing was changed. Run the version that applied them, or a later one.`,
    );
  }
  const { catalog, migrations } = dialectOf(database).schema;
  const missing = missingTables(schema, migrations);
  if (missing.length > 0) {
    throw new SchemaError(
      'SCHEMA_INCOMPLETE',
      `The migrations are recorded as applied, but their ${missing.length === 1 ? 'table is' : 'tables are'} gone: ${listed(missing)}. Nothing was changed. Restore a backup, or give an empty database in DATABASE_URL.`,
    );
  }
  const incomplete = await incompleteTablesIn(
    catalog,
    em,
    migrations.filter(one => !pending.includes(one)).flatMap(({ tables }) => tables),
  );
  if (incomplete.length > 0) {
    throw new SchemaError(
      'SCHEMA_INCOMPLETE',
      `The migrations are recorded as applied, but columns that they made are gone: ${listed(incomplete)}. Nothing was changed. Restore a backup, or give an empty database in DATABASE_URL.`,
    );
  }
  return schema;
}

/** Returns the tables that our migrations cannot have made; all tables if there is no record of migrations. */
async function foreignTables(
  database: Database,
  em: SqlEntityManager,
  { tables, applied, pending }: FoundSchema,
): Promise<string[]> {
  if (applied === null) return [...tables];
  const { tableName } = database.config.get('migrations');
  const { catalog, migrations } = dialectOf(database).schema;
  const ours = migrations.flatMap(migration => migration.tables.map(({ name }) => name));
  const others = applied.length === 0 ? tables.filter(name => name !== tableName && !ours.includes(name)) : [];
  return [
    ...others,
    ...(await occupiedTablesIn(
      catalog,
      em,
      pending.flatMap(migration => migration.tables),
    )),
  ];
}

/** Returns the tables of applied migrations that do not exist. */
export function missingTables(
  { tables, applied }: Pick<FoundSchema, 'tables' | 'applied'>,
  migrations: readonly MigrationEntry[],
): string[] {
  const made = migrations
    .filter(({ name }) => applied?.includes(name))
    .flatMap(migration => migration.tables.map(({ name }) => name));
  return made.filter(table => !tables.includes(table));
}

/** Returns names for a message: only the first ones if there are many. */
export function listed(names: readonly string[]): string {
  const others = names.length - MAX_LISTED_NAMES;
  return others > 0 ? `${names.slice(0, MAX_LISTED_NAMES).join(', ')} and ${others} more` : names.join(', ');
}
