import { migrationsFor, type MigrationEntry } from '../../migrations/index.js';
import { procedureState } from '../../migrations/own-procedure.js';
import { othersIn, triggersOn } from '../../migrations/own-tables.js';
import { refuseOthers } from '../../migrations/table-migration.js';
import { databaseKindOf, type Database } from '../database.js';
import { underMigrationLock } from './migration-lock.js';
import { knownGrants, missingOf, refuseMissing } from './migration-privileges.js';
import { findSchema } from './own-schema.js';

/** What undoing the last migration takes away. */
export interface Undoing {
  readonly name: string;
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
  /** The triggers that go with the tables. */
  readonly triggers: readonly string[];
  readonly procedures: readonly string[];
  /** The indexes of tables that stay. */
  readonly indexes: readonly string[];
}

/**
 * Looks what undoing the last applied migration would drop, and changes nothing; null: none is applied.
 *
 * Errors: MigrationRefused where something that our migrations did not make would go too, or a foreign key of another
 * table refers to ours; MissingPrivilegeError where the user is not shown what would.
 */
export async function findUndoing(database: Database): Promise<Undoing | { readonly unknown: string } | null> {
  const { applied, tables } = await findSchema(database);
  const name = applied?.at(-1);
  if (name === undefined) return null;
  const last = migrationsFor(databaseKindOf(database)).find(one => one.name === name);
  if (!last) return { unknown: name };
  const em = database.em.fork();
  const there = last.tables.map(table => table.name).filter(table => tables.includes(table));
  await requireSight(database, there);
  refuseOthers(await othersIn(em, last.tables));
  const counts: { name: string; rows: number }[] = [];
  for (const table of there) {
    const [row] = await em.execute<{ count: number }[]>(`select count(*) as count from ${table}`);
    counts.push({ name: table, rows: Number(row!.count) });
  }
  return {
    name,
    tables: counts,
    triggers: await triggersOn(em, there),
    procedures: await proceduresOf(database, last),
    indexes: last.indexes ?? [],
  };
}

/**
 * Undoes the last applied migration and gives its name. Errors: as of findUndoing(), which may find something else by
 * now.
 */
export function undoLast(database: Database): Promise<string[]> {
  const undo = async (): Promise<string[]> => (await database.migrator.down()).map(({ name }) => name);
  return databaseKindOf(database) === 'sqlite' ? undo() : underMigrationLock(database, undo);
}

async function proceduresOf(database: Database, { procedure }: MigrationEntry): Promise<string[]> {
  if (procedure === undefined) return [];
  return (await procedureState(sql => database.em.fork().execute(sql))) === 'ours' ? [procedure] : [];
}

/** Refuses to go on where the server shows the user no triggers of the tables: it would drop them all the same. */
async function requireSight(database: Database, tables: readonly string[]): Promise<void> {
  const grants = tables.length === 0 ? null : await knownGrants(database);
  if (grants !== null) await refuseMissing(database, missingOf(grants, database, [{ privilege: 'TRIGGER', tables }]));
}
