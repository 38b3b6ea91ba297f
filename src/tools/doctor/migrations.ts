import { dialectOf, type Database } from '../../database/database.js';
import { findSchema, listed, missingTables } from '../../database/schema/own-schema.js';
import { storedTable } from '../../database/mapped/stored-names.js';
import { tableNames } from '../../database/tables.js';
import { mapOf } from '../../database/mapped/mapped-driver.js';
import type { MigrationEntry } from '../../migrations/migration-entry.js';
import { foreignTriggers } from '../../migrations/own-tables.js';
import { failed, ok, warning, type Finding } from './finding.js';
import { schemaDifferences } from './schema-differences.js';

/** The most differences that a finding names. */
const MAX_DIFFERENCES = 5;

/**
 * Examines which migrations are applied, whether their tables are there as they were made, and whether the user may
 * apply those that are not.
 */
export async function examineMigrations(database: Database): Promise<Finding[]> {
  const schema = await findSchema(database);
  const { tables, applied, pending, unknown } = schema;
  const known = dialectOf(database).schema.migrations;
  if (applied === null && tables.length > 0) {
    return [
      failed(
        `The database contains tables that Rollcall did not make: ${listed(tables)}.`,
        'Give Rollcall an empty database of its own in DATABASE_URL.',
      ),
    ];
  }
  const missing = missingTables(schema, known).filter(name => !isThere(database, name, tables));
  return [
    ...(unknown.length > 0
      ? [
          warning(
            `The database has migrations that this version does not know: ${unknown.join(', ')}.`,
            'Run the version of Rollcall that applied them, or a later one.',
          ),
        ]
      : []),
    ...(missing.length > 0
      ? [failed(`Tables of applied migrations are gone: ${listed(missing)}.`, 'Restore a backup of the database.')]
      : []),
    pending.length > 0
      ? failed(`Pending: ${pending.map(({ name }) => name).join(', ')}.`, 'rollcall migrate up')
      : ok(`All ${known.length} are applied.`),
    ...(pending.length === 0 && unknown.length === 0 && missing.length === 0 ? await differences(database) : []),
    ...(await examineMigrationPrivileges(database, pending)),
  ];
}

/** Returns whether one of our tables is there under the name that a map gives it. */
function isThere(database: Database, name: string, tables: readonly string[]): boolean {
  const ours = tableNames.find(table => table === name);
  return ours !== undefined && tables.includes(storedTable(database, ours));
}

/**
 * Returns a finding for what is other than the migrations made it, in words, and for triggers of others, which can
 * change what is counted.
 */
async function differences(database: Database): Promise<Finding[]> {
  const { schema, inspection } = dialectOf(database);
  const made = schema.migrations.flatMap(migration => migration.tables);
  // The tables of another application are as it made them.
  const areOurs = mapOf(database.driver) === null;
  const found = areOurs ? await schemaDifferences(database) : [];
  const others = found.length - MAX_DIFFERENCES;
  const shown = found.slice(0, MAX_DIFFERENCES).join('; ');
  const triggers = await foreignTriggers(schema.catalog, database.em.fork(), made);
  return [
    ...(found.length > 0
      ? [
          failed(
            `The tables are not as the migrations made them: ${shown}${others > 0 ? `; and ${others} more` : ''}.`,
            'Find out who changed them; take the change back, or restore a backup.',
          ),
        ]
      : []),
    ...(triggers.length > 0
      ? [
          warning(
            `Triggers that Rollcall did not make are on its tables: ${listed(triggers)}.`,
            'Make sure that they write no enrollments and no counts, or drop them.',
          ),
        ]
      : []),
    ...(areOurs
      ? await inspection.examineStorage(
          database,
          made.map(({ name }) => name),
        )
      : []),
    ...(await leftProcedures(database)),
  ];
}

async function leftProcedures(database: Database): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { procedure } of dialectOf(database).schema.migrations) {
    if (procedure && (await procedure.state(database.em.fork())) === 'foreign')
      findings.push(
        warning(
          `The ${procedure.title} is another application's.`,
          '"rollcall verify" compares the counts without it.',
        ),
      );
  }
  return findings;
}

async function examineMigrationPrivileges(database: Database, pending: readonly MigrationEntry[]): Promise<Finding[]> {
  const { privileges } = dialectOf(database);
  if (privileges === null) return [];
  const findings: Finding[] = [];
  for (const { name, needs } of pending) {
    const missing = (await privileges.missing(database, await needs(database.em.fork()))) ?? [];
    if (missing.length > 0)
      findings.push(
        failed(
          `The database's user lacks ${missing.join(' and ')}, which the migration ${name} needs.`,
          privileges.grantSql(database, missing),
        ),
      );
  }
  return findings;
}
