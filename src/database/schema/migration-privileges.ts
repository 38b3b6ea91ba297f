import type { Need } from '../../migrations/index.js';
import { MissingPrivilegeError } from '../../migrations/missing-privilege-error.js';
import { databaseKindOf, type Database } from '../database.js';
import { grantsOf } from '../dialects/mysql-and-mariadb/granted.js';
import type { Grants } from '../dialects/mysql-and-mariadb/grants.js';
import type { FoundSchema } from './own-schema.js';

/** What triggers that keep the counts need beside the migrations. */
export const triggerNeeds: readonly Need[] = [
  { privilege: 'TRIGGER', tables: ['core_enrollments'] },
  { privilege: 'LOCK TABLES', tables: ['core_course', 'core_enrollments'] },
];

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
  const grants = await knownGrants(database);
  if (grants === null) return;
  const em = database.em.fork();
  const needs = (await Promise.all(pending.map(migration => migration.needs(em)))).flat();
  await refuseMissing(
    database,
    missingOf(grants, database, [
      ...recordNeeds(database, applied === null),
      ...needs,
      ...(withTriggers ? triggerNeeds : []),
    ]),
  );
}

/**
 * Refuses to go on where the database's user lacks privileges, named with its account. Errors: MissingPrivilegeError.
 */
export async function refuseMissing(database: Database, privileges: readonly string[]): Promise<void> {
  if (privileges.length === 0) return;
  const [row] = await database.em
    .fork()
    .execute<{ account: string; name: string }[]>('select current_user() as account, database() as name');
  throw new MissingPrivilegeError(privileges, row!.name, row!.account);
}

/** Returns the names of the privileges that a user lacks, each once. */
export function missingOf(grants: Grants, database: Database, needs: readonly Need[]): string[] {
  const schema = database.config.get('dbName')!;
  // MariaDB asks for none to refer to a table that the user may read or write.
  const isAsked = ({ privilege }: Need): boolean => privilege !== 'REFERENCES' || databaseKindOf(database) === 'mysql';
  const isMissing = ({ privilege, tables }: Need): boolean =>
    !(tables === null ? grants.onDatabase(privilege, schema) : grants.onTables(privilege, schema, tables));
  return [
    ...new Set(
      needs
        .filter(isAsked)
        .filter(isMissing)
        .map(({ privilege }) => privilege),
    ),
  ];
}

/** Returns what the user may do; null where nobody says: on SQLite, and on a server that does not show it. */
export async function knownGrants(database: Database): Promise<Grants | null> {
  if (databaseKindOf(database) === 'sqlite') return null;
  return grantsOf(database).catch(() => null);
}

/** Returns what it takes to record the migrations. */
function recordNeeds(database: Database, isNew: boolean): Need[] {
  const tables = [database.config.get('migrations').tableName!];
  return [...(isNew ? ['CREATE'] : []), 'SELECT', 'INSERT'].map(privilege => ({ privilege, tables }));
}
