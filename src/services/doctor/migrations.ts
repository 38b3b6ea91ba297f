import { databaseKindOf, type Database } from '../../database/database.js';
import { knownGrants, missingOf } from '../../database/migration-privileges.js';
import { findSchema, listed, missingTables } from '../../database/own-schema.js';
import { migrationsFor, type MigrationEntry } from '../../migrations/index.js';
import { failed, ok, warning, type Finding } from './finding.js';

/** The most differences that a finding names. */
const MAX_DIFFERENCES = 5;

/** Examines which migrations are applied, whether their tables are there as they were made, and whether the user may apply those that are not. */
export async function examineMigrations(database: Database): Promise<Finding[]> {
  const schema = await findSchema(database);
  const { tables, applied, pending, unknown } = schema;
  const known = migrationsFor(databaseKindOf(database));
  if (applied === null && tables.length > 0) {
    return [failed(`The database holds tables that Rollcall did not make: ${listed(tables)}.`, 'Give Rollcall an empty database of its own in DATABASE_URL.')];
  }
  const missing = missingTables(schema, known);
  return [
    ...(unknown.length > 0 ? [warning(`The database has migrations that this version does not know: ${unknown.join(', ')}.`, 'Run the version of Rollcall that applied them, or a later one.')] : []),
    ...(missing.length > 0 ? [failed(`Tables of applied migrations are gone: ${listed(missing)}.`, 'Restore a backup of the database.')] : []),
    pending.length > 0 ? failed(`Pending: ${pending.map(({ name }) => name).join(', ')}.`, 'rollcall migrate up') : ok(`All ${known.length} are applied.`),
    ...(pending.length === 0 && unknown.length === 0 && missing.length === 0 ? await differences(database) : []),
    ...(await examineMigrationPrivileges(database, pending)),
  ];
}

/** Returns a finding where tables are others than the migrations made, with the statements that would make them alike. */
async function differences(database: Database): Promise<Finding[]> {
  const sql = await database.schema.getUpdateSchemaSQL({ wrap: false });
  const statements = sql.split(';').map(statement => statement.trim().replaceAll(/\s+/g, ' ')).filter(statement => statement !== '');
  if (statements.length === 0) return [];
  const others = statements.length - MAX_DIFFERENCES;
  const shown = statements.slice(0, MAX_DIFFERENCES).join('; ');
  return [failed(`The tables are not as the migrations made them. What would make them so: ${shown}${others > 0 ? `; and ${others} more` : ''}.`, 'Find out who changed them; take the change back, or restore a backup.')];
}

async function examineMigrationPrivileges(database: Database, pending: readonly MigrationEntry[]): Promise<Finding[]> {
  const grants = pending.length === 0 ? null : await knownGrants(database);
  if (grants === null) return [];
  const findings: Finding[] = [];
  for (const { name, needs } of pending) {
    const missing = missingOf(grants, database, await needs(database.em.fork()));
    if (missing.length > 0) findings.push(failed(`The database's user lacks ${missing.join(' and ')}, which the migration ${name} needs.`, `grant ${missing.join(', ')} on ${database.config.get('dbName')!}.* to …`));
  }
  return findings;
}
