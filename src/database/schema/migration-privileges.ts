import { dialectOf, type Database } from '../database.js';
import type { FoundSchema } from './own-schema.js';

/**
 * Refuses migrations that the database's user may not apply completely, or triggers that it may not create after them,
 * before the first migration changes anything. If the privileges of the user cannot be read, the database itself will
 * refuse. Errors: MissingPrivilegeError.
 */
export async function requirePrivileges(
  database: Database,
  { pending, applied }: Pick<FoundSchema, 'pending' | 'applied'>,
  withTriggers: boolean,
): Promise<void> {
  const { privileges } = dialectOf(database);
  if (privileges === null) return;
  const em = database.em.fork();
  const needs = (await Promise.all(pending.map(migration => migration.needs(em)))).flat();
  const { tableName } = database.config.get('migrations');
  const missing = await privileges.missing(database, [
    ...privileges.toRecord(tableName!, applied === null),
    ...needs,
    ...(withTriggers ? privileges.forTriggers : []),
  ]);
  if (missing !== null && missing.length > 0) throw await privileges.refusal(database, missing);
}

/** Refuses to continue if the user may not drop tables, or would not see what is dropped. Errors: MissingPrivilegeError. */
export async function requireToDrop(database: Database, tables: readonly string[]): Promise<void> {
  const { privileges } = dialectOf(database);
  if (privileges === null || tables.length === 0) return;
  const missing = await privileges.missing(database, privileges.toDrop(tables));
  if (missing !== null && missing.length > 0) throw await privileges.refusal(database, missing);
}
