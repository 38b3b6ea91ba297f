import { missingPrivilegeError } from '../../../migrations/mysql/missing-privileges.js';
import type { RequiredPrivilege } from '../../../migrations/migration-entry.js';
import type { TableName } from '../../tables.js';
import type { Database, PrivilegeRules } from '../dialect.js';
import { failed, ok, type Finding } from '../finding.js';
import { hasNumber } from './errors.js';
import { Grants } from './grants.js';
import { settingsOf, type Settings } from './server-settings.js';

/** The differences between MySQL and MariaDB in how they show and require privileges. */
export interface GrantDifferences {
  /**
   * Returns the words after SHOW GRANTS with which it also shows the privileges of a role, as CURRENT_ROLE() names it.
   */
  readonly usingRole: (role: string | null) => string;
  /**
   * Whether a foreign key needs REFERENCES on the table that it refers to; otherwise a privilege to read or write it is
   * enough.
   */
  readonly asksForReferences: boolean;
}

/** The privileges that are needed for the triggers that maintain the counts. */
const forTriggers: readonly RequiredPrivilege[] = [
  { privilege: 'TRIGGER', tables: ['core_enrollments'] satisfies TableName[] },
  { privilege: 'LOCK TABLES', tables: ['core_course', 'core_enrollments'] satisfies TableName[] },
];

/** Returns the privileges of the database's user by SHOW GRANTS, including those of active roles. */
async function grantsOf(database: Database, { usingRole }: GrantDifferences): Promise<Grants> {
  const connection = database.em.getConnection();
  const [row] = await connection.execute<{ role: string | null }[]>('select current_role() as role');
  const lines = await connection.execute<Record<string, string>[]>(`show grants${usingRole(row!.role)}`);
  return new Grants(lines.flatMap(line => Object.values(line)));
}

/** Returns the rules of privileges of MySQL or MariaDB. */
export function serverPrivileges(differences: GrantDifferences): PrivilegeRules {
  const missingOf = (grants: Grants, database: Database, needs: readonly RequiredPrivilege[]): string[] => {
    const schema = database.config.get('dbName')!;
    const isAsked = ({ privilege }: RequiredPrivilege): boolean =>
      privilege !== 'REFERENCES' || differences.asksForReferences;
    const isMissing = ({ privilege, tables }: RequiredPrivilege): boolean =>
      !(tables === null ? grants.onDatabase(privilege, schema) : grants.onTables(privilege, schema, tables));
    return [...new Set(needs.filter(need => isAsked(need) && isMissing(need)).map(({ privilege }) => privilege))];
  };
  const grantSql = (database: Database, privileges: readonly string[]): string =>
    `grant ${privileges.join(', ')} on ${database.config.get('dbName')!}.* to …`;
  return {
    forTriggers,
    toRecord: (table, isNew) =>
      [...(isNew ? ['CREATE'] : []), 'SELECT', 'INSERT'].map(privilege => ({ privilege, tables: [table] })),
    // Without TRIGGER the server shows no triggers, and they would be dropped unseen.
    toDrop: tables => [{ privilege: 'TRIGGER', tables }],
    toAddRows: () => [],
    async missing(database, needs) {
      const grants = await grantsOf(database, differences).catch(() => null);
      return grants && missingOf(grants, database, needs);
    },
    async refusal(database, privileges) {
      const [row] = await database.em
        .fork()
        .execute<{ account: string; name: string }[]>('select current_user() as account, database() as name');
      return missingPrivilegeError(privileges, row!.name, row!.account);
    },
    grantSql,
    // ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR, ER_DBACCESS_DENIED_ERROR.
    isDenied: error => hasNumber(error, 1142, 1143, 1044),
    async examineTriggers(database, exist) {
      const grants = await grantsOf(database, differences);
      const missing = missingOf(grants, database, forTriggers);
      return [
        missing.length > 0
          ? failed(
              `The database's user lacks ${missing.join(' and ')}, which triggers need.`,
              grantSql(database, missing),
            )
          : ok('TRIGGER and LOCK TABLES are granted.'),
        ...binaryLogFindings(await settingsOf(database), grants, exist),
      ];
    },
  };
}

/**
 * Returns the finding for a user who may not create triggers because of the binary log; none if the user may, and no
 * failure if the triggers exist already.
 */
export function binaryLogFindings(
  { log_bin: binaryLog, log_bin_trust_function_creators: trusted }: Settings,
  grants: Grants,
  exist: boolean,
): Finding[] {
  if (binaryLog !== 'ON' || trusted === 'ON' || grants.onServer('SUPER')) return [];
  const message = 'With the binary log on, the server lets this user make no triggers.';
  return [
    {
      status: exist ? 'warning' : 'failed',
      message,
      advice: 'set persist log_bin_trust_function_creators = 1 (on MariaDB: in its configuration), or grant SUPER',
    },
  ];
}
