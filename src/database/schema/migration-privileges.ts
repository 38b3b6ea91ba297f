import { dialectOf, type Database } from '../database.js';
import type { FoundSchema } from './own-schema.js';

/**
 * Refuses migrations that the database's user may not apply to their end, or triggers that it may not make after them,
 * before the first of them changes anything. Where it cannot be known what the user may do, the database itself will
 * say. Errors: MissingPrivilegeError.
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

/**
 * Refuses to go on where the server shows the user no triggers of tables: it would drop them all the same. Errors:
 * MissingPrivilegeError.
 */
export async function requireSight(database: Database, tables: readonly string[]): Promise<void> {
  const { privileges } = dialectOf(database);
  if (privileges === null || tables.length === 0) return;
  const missing = await privileges.missing(database, [{ privilege: 'TRIGGER', tables }]);
  if (missing !== null && missing.length > 0) throw await privileges.refusal(database, missing);
}
