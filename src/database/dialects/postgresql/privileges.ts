import { MissingPrivilegeError } from '../../../migrations/missing-privilege-error.js';
import type { RequiredPrivilege } from '../../../migrations/migration-entry.js';
import { OWNERSHIP } from '../../../migrations/postgresql/ownership.js';
import { quotedList } from '../../../migrations/sql-names.js';
import type { TableName } from '../../tables.js';
import type { Database, PrivilegeRules } from '../dialect.js';
import { failed, ok, type Finding } from '../finding.js';
import { hasState } from './errors.js';

/** The use of the sequences that give tables their keys, without which no row can be added. */
const SEQUENCES = 'USAGE of sequences';

/** The privileges that are granted on a schema. */
const ofSchema = ['USAGE', 'CREATE'];

/** The schema of the tables, which alone the connections search, also if the user may not use it. */
const SCHEMA = "to_regnamespace(current_setting('search_path'))";

/** The names of that schema, as far as a database was asked for it. */
const schemas = new WeakMap<Database, string>();

const toCreate: readonly RequiredPrivilege[] = ofSchema.map(privilege => ({ privilege, tables: null }));

/** The privileges that are needed to create the triggers that maintain the counts, and the functions that they call. */
const forTriggers: readonly RequiredPrivilege[] = [
  ...toCreate,
  { privilege: OWNERSHIP, tables: ['core_enrollments'] satisfies TableName[] },
];

/**
 * The rules of privileges of PostgreSQL: who may create something in the schema owns it, and may then do everything with
 * it; others need grants.
 */
export const postgreSqlPrivileges: PrivilegeRules = {
  forTriggers,
  toRecord: (table, isNew) =>
    isNew ? toCreate : ['SELECT', 'INSERT', SEQUENCES].map(privilege => ({ privilege, tables: [table] })),
  toDrop: tables => [{ privilege: OWNERSHIP, tables }],
  toAddRows: tables => [{ privilege: SEQUENCES, tables }],
  missing,
  async refusal(database, privileges) {
    const [row] = await database.em
      .fork()
      .execute<{ account: string; name: string }[]>(
        'select quote_ident(current_user) as account, current_database() as name',
      );
    return new MissingPrivilegeError(
      `The user ${row!.account} may not apply the migrations: it lacks ${privileges.join(' and ')} in the schema ${schemaOf(database)} of ${row!.name}. Nothing was changed. ` +
        `As an administrator: ${grantSql(database, privileges).replaceAll('…', row!.account)}; then migrate again.`,
    );
  },
  grantSql,
  // insufficient_privilege.
  isDenied: error => hasState(error, '42501'),
  async examineTriggers(database, exist): Promise<Finding[]> {
    const lacking = await missing(database, forTriggers);
    if (lacking.length === 0) return [ok('The user may create and drop the triggers.')];
    if (exist) return [ok(`The triggers exist; the user lacks ${lacking.join(' and ')}, which changing them needs.`)];
    return [
      failed(
        `The database's user lacks ${lacking.join(' and ')}, which creating triggers needs.`,
        'Let the owner of the tables run "rollcall counters use triggers".',
      ),
    ];
  },
};

/** Returns the needed privileges that the user lacks, each once. What does not exist yet will be the user's own. */
async function missing(database: Database, needs: readonly RequiredPrivilege[]): Promise<string[]> {
  const lacking = new Set<string>();
  const [schema] = await database.em
    .getConnection()
    .execute<{ name: string }[]>("select current_setting('search_path') as name");
  schemas.set(database, schema!.name);
  for (const { privilege, tables } of needs) {
    const granted =
      tables === null
        ? `select coalesce(has_schema_privilege(${SCHEMA}::oid, '${privilege}'), false) as granted`
        : `select ${grantedOnTable(privilege)} as granted from pg_class c where c.relnamespace = ${SCHEMA} and c.relname in (${quotedList(database.em, tables)})`;
    const rows = await database.em.getConnection().execute<{ granted: boolean }[]>(granted);
    if (rows.some(row => !row.granted)) lacking.add(privilege);
  }
  return [...lacking];
}

/** Returns the name of the schema of the tables, quoted where it must be. */
function schemaOf(database: Database): string {
  return schemas.get(database) ?? 'public';
}

/** Returns the condition that the user has a privilege on a table, in SQL. */
function grantedOnTable(privilege: string): string {
  if (privilege === OWNERSHIP) return "pg_has_role(c.relowner, 'usage')";
  if (privilege !== SEQUENCES) return `has_table_privilege(c.oid, '${privilege}')`;
  return "coalesce((select bool_and(has_sequence_privilege(s.oid, 'usage')) from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S' where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.refobjsubid > 0 and d.deptype in ('a', 'i')), true)";
}

/** Returns the statements that grant privileges on all of the schema; only its owner's name can stand for ownership. */
function grantSql(database: Database, privileges: readonly string[]): string {
  const onTables = privileges.filter(one => ![...ofSchema, SEQUENCES, OWNERSHIP].includes(one));
  const places: readonly (readonly [granted: readonly string[], place: string])[] = [
    [privileges.filter(one => ofSchema.includes(one)), `schema ${schemaOf(database)}`],
    [onTables, `all tables in schema ${schemaOf(database)}`],
    [privileges.includes(SEQUENCES) ? ['usage'] : [], `all sequences in schema ${schemaOf(database)}`],
  ];
  return [
    ...places
      .filter(([granted]) => granted.length > 0)
      .map(([granted, place]) => `grant ${granted.join(', ')} on ${place} to …`),
    ...(privileges.includes(OWNERSHIP) ? ['grant OWNER_OF_THE_TABLES to …'] : []),
  ].join('; ');
}
