import { databaseKindOf, type Database } from '../../database/database.js';
import { migrationsFor } from '../../migrations/index.js';
import { failed, ok, warning, type Finding } from './finding.js';

/** Gives the names of the database's tables. */
export async function tablesOf(database: Database): Promise<string[]> {
  const sql =
    databaseKindOf(database) === 'sqlite'
      ? "select name from sqlite_master where type = 'table'"
      : 'select table_name as name from information_schema.tables where table_schema = database()';
  return (await database.em.getConnection().execute<{ name: string }[]>(sql)).map(({ name }) => name);
}

/** Examines which migrations are applied; looks at the table that remembers them itself, for the migrator would make it. */
export async function examineMigrations(database: Database, tables: readonly string[]): Promise<Finding[]> {
  const { tableName = '' } = database.config.get('migrations');
  const rows = tables.includes(tableName) ? await database.em.getConnection().execute<{ name: string }[]>(`select name from ${tableName} order by id`) : [];
  const known = migrationsFor(databaseKindOf(database)).map(({ name }) => name);
  const applied = rows.map(({ name }) => name);
  const pending = known.filter(name => !applied.includes(name));
  const unknown = applied.filter(name => !known.includes(name));
  return [
    ...(unknown.length > 0 ? [warning(`The database has migrations that this version does not know: ${unknown.join(', ')}.`, 'Run the version of Rollcall that applied them, or a later one.')] : []),
    pending.length > 0 ? failed(`Pending: ${pending.join(', ')}.`, 'rollcall migrate up') : ok(`All ${known.length} are applied.`),
  ];
}
