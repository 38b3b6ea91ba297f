import { foreignObjectsIn } from '../../migrations/own-tables.js';
import { refuseOthers } from '../../migrations/table-migration.js';
import { dialectOf, type Database } from '../database.js';
import { requireToDrop } from './migration-privileges.js';
import { findSchema } from './own-schema.js';

/** What undoing the last migration removes. */
export interface MigrationUndo {
  readonly name: string;
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
  /** The triggers that are dropped with the tables. */
  readonly triggers: readonly string[];
  /** The procedures and functions, each after its kind. */
  readonly procedures: readonly string[];
  /** The columns of tables that stay, each after its table and a point. */
  readonly columns: readonly string[];
  /** The indexes of tables that stay. */
  readonly indexes: readonly string[];
}

/**
 * Returns what undoing the last applied migration would drop, and changes nothing; null if none is applied.
 *
 * Errors: MigrationRefused if something that our migrations did not make would be dropped too, or a foreign key of
 * another table refers to ours; MissingPrivilegeError if the user is not shown what would be dropped.
 */
export async function planUndo(database: Database): Promise<MigrationUndo | { readonly unknown: string } | null> {
  const { applied, tables } = await findSchema(database);
  const name = applied?.at(-1);
  if (name === undefined) return null;
  const { migrations, catalog } = dialectOf(database).schema;
  const last = migrations.find(one => one.name === name);
  if (!last) return { unknown: name };
  const em = database.em.fork();
  const there = last.tables.map(table => table.name).filter(table => tables.includes(table));
  await requireToDrop(database, there);
  refuseOthers(await foreignObjectsIn(catalog, em, last.tables));
  const counts: { name: string; rows: number }[] = [];
  for (const table of there) {
    const [row] = await em.execute<{ count: number }[]>(`select count(*) as count from ${table}`);
    counts.push({ name: table, rows: Number(row!.count) });
  }
  return {
    name,
    tables: counts,
    triggers: there.length === 0 ? [] : (await catalog.triggersOn(em, there)).map(trigger => trigger.name),
    procedures: last.procedure && (await last.procedure.state(em)) === 'ours' ? [last.procedure.title] : [],
    columns: last.columns ?? [],
    indexes: last.indexes ?? [],
  };
}

/**
 * Undoes the last applied migration and returns its name. Errors: those of planUndo(), which examines the schema
 * again.
 */
export function undoLast(database: Database): Promise<string[]> {
  return dialectOf(database).schema.exclusively(database, async () =>
    (await database.migrator.down()).map(({ name }) => name),
  );
}
