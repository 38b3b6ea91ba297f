/** The tables of our own in another application's database, and the record of the migrations. */
import { KeyBytes, RecountChange, RecountRun, type KeyForm } from '../../entities/index.js';
import type { DatabaseMap } from '../../map/map-form.js';
import { JOURNAL_TABLE, mappedEntities, mappedTable } from '../../map/mapped-table.js';
import type { MigrationEntry } from '../../migrations/migration-entry.js';
import { quotedName } from '../../migrations/sql-names.js';
import { dialectOf, type Database } from '../dialects/dialect.js';
import { ownKeyType } from '../mapped/mapped-metadata.js';
import type { FoundTables } from '../schema/found-table.js';
import type { findSchema } from '../schema/own-schema.js';
import { keyOf, type Addition, type PlannedNames } from './journal.js';

/** Returns the migrations that make tables of our own only. */
export function ownMigrations(database: Database): MigrationEntry[] {
  const metadata = database.getMetadata();
  const mapped = new Set(Object.values(mappedEntities).map(entity => metadata.get<object>(entity).tableName));
  return dialectOf(database).schema.migrations.filter(
    ({ tables }) => tables.length > 0 && !tables.some(({ name }) => mapped.has(name)),
  );
}

/** Returns the names of all tables of our own in an adopted database. */
export function ownTableNames(database: Database): string[] {
  const { tableName = '' } = database.config.get('migrations');
  return [...ownMigrations(database).flatMap(({ tables }) => tables.map(({ name }) => name)), tableName, JOURNAL_TABLE];
}

/** Returns what makes the tables of our own that are not there. */
export async function ownTables(
  database: Database,
  map: DatabaseMap,
  migrations: readonly MigrationEntry[],
  found: FoundTables,
  planned: PlannedNames,
): Promise<Addition[]> {
  const additions: Addition[] = [];
  for (const { name, tables, class: Migration } of migrations) {
    const names = tables.map(table => table.name);
    // A table of somebody else with such a name is refused.
    if (names.some(table => found.has(table) || planned.has(keyOf('tables', name, table)))) continue;
    const migration = new Migration(database.em.getDriver(), database.config);
    await migration.up();
    const quoted = (table: string): string => quotedName(database.em, table);
    additions.push({
      kind: 'tables',
      object: name,
      names,
      statements: [
        ...migration.getQueries().map(String),
        ...withNegativeCounts(database, names),
        ...withKeys(database, names, mappedTable(map, 'courses').keys),
      ],
      reverse: names.map(table => `drop table if exists ${quoted(table)}`),
    });
  }
  return additions;
}

/** Returns the statements by which tables also record a count of theirs that is below 0, which a run then sets right. */
function withNegativeCounts(database: Database, tables: readonly string[]): string[] {
  const { signedCount } = dialectOf(database).adoption;
  const { tableName, properties } = database.getMetadata().get(RecountChange);
  if (signedCount === null || !tables.includes(tableName)) return [];
  return [`alter table ${tableName} ${signedCount(properties.countBefore.fieldNames[0]!)}`];
}

/** Returns the statements by which tables keep keys of courses that are no numbers. */
function withKeys(database: Database, tables: readonly string[], form: KeyForm): string[] {
  if (form === 'number') return [];
  const { retyped, shortBytes, shortText } = dialectOf(database).adoption;
  const metadata = database.getMetadata();
  const columns = [
    { table: metadata.get(RecountChange).tableName, property: metadata.get(RecountChange).properties.courseId },
    { table: metadata.get(RecountRun).tableName, property: metadata.get(RecountRun).properties.cursorId },
  ];
  return columns
    .filter(({ table }) => tables.includes(table))
    .flatMap(({ table, property }) =>
      retyped(
        table,
        property.fieldNames[0]!,
        ownKeyType(property.name, form) === KeyBytes ? shortBytes : shortText,
        property.nullable === true,
      ),
    );
}

/** Returns the record of all migrations as applied: what they would change is there, in the form of this database. */
export function baseline(
  database: Database,
  { applied, tables }: Awaited<ReturnType<typeof findSchema>>,
  planned: PlannedNames,
): Addition[] {
  const { tableName = '' } = database.config.get('migrations');
  const names = dialectOf(database)
    .schema.migrations.map(({ name }) => name)
    .filter(name => !applied?.includes(name) && !planned.has(keyOf('baseline', tableName, name)));
  if (names.length === 0) return [];
  return [
    {
      kind: 'baseline',
      object: tableName,
      names,
      statements: names.map(name => `insert into ${tableName} (name) values ('${name}')`),
      reverse: tables.includes(tableName) ? [] : [`drop table if exists ${tableName}`],
    },
  ];
}
