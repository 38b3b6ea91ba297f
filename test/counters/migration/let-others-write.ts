import type { Database } from '../../../src/database/database.js';
import { MIGRATIONS_TABLE } from '../../../src/migrations/migrations-table.js';
import type { EngineDatabaseKind } from '../../support/databases.js';

/** Lets other connections write to a database of a test's own tables, which Rollcall would not do to a file of others. */
export async function letOthersWrite({ em }: Database, kind: EngineDatabaseKind): Promise<void> {
  if (kind !== 'sqlite') return;
  await em.execute(`create table ${MIGRATIONS_TABLE} (id integer, name text, executed_at integer)`);
  await em.execute(`insert into ${MIGRATIONS_TABLE} values (1, 'first', 0)`);
}
