import { databaseKindOf, type Database } from '../../database/database.js';
import { migrationsFor, type MigrationEntry } from '../../migrations/index.js';
import { failed, ok, warning, type Finding } from './finding.js';
import { grantsOf } from './granted.js';

/** Gives the names of the database's tables. */
export async function tablesOf(database: Database): Promise<string[]> {
  const sql =
    databaseKindOf(database) === 'sqlite'
      ? "select name from sqlite_master where type = 'table'"
      : 'select table_name as name from information_schema.tables where table_schema = database()';
  return (await database.em.getConnection().execute<{ name: string }[]>(sql)).map(({ name }) => name);
}

/**
 * Examines which migrations are applied, and whether the user may apply those that are not; looks at the table that
 * remembers them itself, for the migrator would make it.
 */
export async function examineMigrations(database: Database, tables: readonly string[]): Promise<Finding[]> {
  const { tableName = '' } = database.config.get('migrations');
  const rows = tables.includes(tableName) ? await database.em.getConnection().execute<{ name: string }[]>(`select name from ${tableName} order by id`) : [];
  const known = migrationsFor(databaseKindOf(database));
  const applied = rows.map(({ name }) => name);
  const pending = known.filter(({ name }) => !applied.includes(name));
  const unknown = applied.filter(name => !known.some(one => one.name === name));
  return [
    ...(unknown.length > 0 ? [warning(`The database has migrations that this version does not know: ${unknown.join(', ')}.`, 'Run the version of Rollcall that applied them, or a later one.')] : []),
    pending.length > 0 ? failed(`Pending: ${pending.map(({ name }) => name).join(', ')}.`, 'rollcall migrate up') : ok(`All ${known.length} are applied.`),
    ...(await examineMigrationPrivileges(database, pending)),
  ];
}

async function examineMigrationPrivileges(database: Database, pending: readonly MigrationEntry[]): Promise<Finding[]> {
  const demanding = pending.filter(({ privileges }) => privileges !== undefined);
  if (demanding.length === 0) return [];
  const schema = database.config.get('dbName')!;
  const grants = await grantsOf(database);
  return demanding.flatMap(({ name, privileges = [] }) => {
    const missing = privileges.filter(privilege => !grants.onDatabase(privilege, schema));
    return missing.length === 0 ? [] : [failed(`The database's user lacks ${missing.join(' and ')}, which the migration ${name} needs.`, `grant ${missing.join(', ')} on ${schema}.* to …`)];
  });
}
