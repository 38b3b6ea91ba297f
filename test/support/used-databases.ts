import { Client } from 'pg';
import type { EngineDatabaseKind } from './databases.js';
import type { PlainRow } from './plain-client.js';
import { onServer, rowsOfEach, type SharedServer } from './server-connections.js';

/** A migrated, empty database of a server, and what it contains. */
export interface MadeDatabase {
  readonly kind: SharedServer;
  readonly url: string;
  readonly drop: () => Promise<void>;
  readonly contents: Contents;
}

/** What a database contains beside the rows of its entities. */
interface Contents {
  readonly tables: readonly string[];
  /** All that statements can change of the schema and its privileges. */
  readonly schema: string;
  /** The applied migrations. */
  readonly applied: string;
}

/** What is found in a database that a test has used. */
interface Found {
  readonly contents: Contents;
  /** The number of sessions that are still connected to it. */
  readonly sessions: number;
  /** The statements that remove the rows of its entities, and begin their keys anew; empty: there is nothing to do. */
  readonly emptying: string;
}

/** The table whose rows come from the migrations. */
const RECORD = 'rollcall_migrations';

/** The databases that tests of this worker have used and given back, as they left them. */
const used: MadeDatabase[] = [];

/** Returns a database that has just been made, with what it contains. */
export async function madeDatabase(kind: SharedServer, url: string, drop: () => Promise<void>): Promise<MadeDatabase> {
  const found = await withQueries(kind, url, ask => find(kind, url, null, ask));
  return { kind, url, drop, contents: found!.contents };
}

/** Gives back a database for other tests of this worker. */
export function giveBack(made: MadeDatabase): void {
  used.push(made);
}

/**
 * Returns a database that a test has given back, migrated and empty: its tables, and their next keys, are as they were
 * when it was made. Those in which a test has changed anything else are dropped, and those with a session that has not
 * ended yet stay; undefined: there is no other.
 */
export async function takeUsed(kind: EngineDatabaseKind): Promise<MadeDatabase | undefined> {
  for (const one of used.filter(made => made.kind === kind)) {
    // Another caller may have taken it meanwhile.
    if (!used.includes(one)) continue;
    used.splice(used.indexOf(one), 1);
    const state = await emptied(one);
    if (state === 'empty') return one;
    if (state === 'changed') await one.drop();
    else used.push(one);
  }
  return undefined;
}

/** Empties a database that a test has used, and returns what it is then. */
export function emptied({ kind, url, contents }: MadeDatabase): Promise<'empty' | 'changed' | 'in use'> {
  return withQueries(kind, url, async ask => {
    const found = await find(kind, url, contents.tables, ask);
    if (found && found.sessions > 0) return 'in use';
    if (JSON.stringify(found?.contents) !== JSON.stringify(contents)) return 'changed';
    if (found?.emptying) await ask(found.emptying);
    return 'empty';
  });
}

/** Sends statements and returns the rows of each. */
type Ask = (statements: string) => Promise<PlainRow[][]>;

/** Does work with a function that sends statements: on PostgreSQL over a connection to the database itself. */
async function withQueries<Result>(
  kind: SharedServer,
  url: string,
  work: (ask: Ask) => Promise<Result>,
): Promise<Result> {
  if (kind !== 'postgresql') return work(sql => onServer(kind, sql));
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(sql => rowsOfEach(client, sql));
  } finally {
    await client.end();
  }
}

/** Returns what is in a database; null: it has other tables than the expected ones, if any are expected. */
function find(kind: SharedServer, url: string, expected: readonly string[] | null, ask: Ask): Promise<Found | null> {
  return kind === 'postgresql'
    ? findInPostgresql(expected, ask)
    : findInMySql(new URL(url).pathname.slice(1), expected, ask);
}

/** What information_schema has about a database of MySQL or MariaDB, beside its tables, and in which order. */
const viewsOfMySql = [
  ['schemata', 'schema_name', 'schema_name'],
  ['triggers', 'trigger_schema', 'trigger_name'],
  ['routines', 'routine_schema', 'routine_name'],
  ['events', 'event_schema', 'event_name'],
  ['schema_privileges', 'table_schema', 'grantee, privilege_type'],
  ['table_privileges', 'table_schema', 'grantee, table_name, privilege_type'],
  ['column_privileges', 'table_schema', 'grantee, table_name, column_name, privilege_type'],
] as const;

async function findInMySql(database: string, expected: readonly string[] | null, ask: Ask): Promise<Found | null> {
  const [sessions, tables, ...parts] = await ask(
    [
      `select id from information_schema.processlist where db = '${database}'`,
      `select table_name as name, coalesce(auto_increment, 1) as next from information_schema.tables
         where table_schema = '${database}' order by table_name`,
      ...viewsOfMySql.map(
        ([view, schema, order]) =>
          `select * from information_schema.${view} where ${schema} = '${database}' order by ${order}`,
      ),
    ].join('; '),
  );
  const names = tables!.map(({ name }) => String(name));
  if (expected && names.join() !== expected.join()) return null;
  const [applied, filled, ...creations] = await ask(
    [
      `select name from ${database}.${RECORD} order by id`,
      names
        .map(name => `select '${name}' as name from dual where exists (select 1 from ${database}.${name})`)
        .join(' union all '),
      ...names.map(name => `show create table ${database}.${name}`),
    ].join('; '),
  );
  const changed = tables!.filter(
    ({ name, next }) => name !== RECORD && (Number(next) > 1 || filled!.some(row => row['name'] === name)),
  );
  const truncations = changed.map(({ name }) => `truncate table ${database}.${String(name)}`);
  return {
    contents: {
      tables: names,
      schema: JSON.stringify([parts, creations]).replaceAll(/ AUTO_INCREMENT=\d+/g, ''),
      applied: JSON.stringify(applied),
    },
    sessions: sessions!.length,
    emptying: truncations.length === 0 ? '' : ['set foreign_key_checks = 0', ...truncations].join('; '),
  };
}

/**
 * The catalogs of PostgreSQL whose rows, or their versions, every statement that changes the schema changes, with the
 * column that has the id of the object; without it all rows are looked at.
 */
const catalogs: Readonly<Record<string, string | null>> = {
  attrdef: 'adrelid',
  attribute: 'attrelid',
  cast: 'oid',
  collation: 'oid',
  constraint: 'oid',
  default_acl: null,
  depend: 'objid',
  description: 'objoid',
  event_trigger: null,
  extension: null,
  index: 'indexrelid',
  namespace: null,
  policy: null,
  proc: 'oid',
  publication: null,
  rewrite: 'oid',
  sequence: null,
  statistic_ext: null,
  trigger: null,
  type: 'oid',
};

/** The first id of an object that PostgreSQL itself has not made. */
const FIRST_OWN_ID = 16_384;

const own = (id: string | null): string => (id === null ? '' : ` where ${id} >= ${FIRST_OWN_ID}`);

async function findInPostgresql(expected: readonly string[] | null, ask: Ask): Promise<Found | null> {
  const [sessions, tables, sequences, ...parts] = await ask(
    [
      `select pid from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
      `select relname as name from pg_class where relkind = 'r' and relnamespace = to_regnamespace('public') order by oid`,
      "select sequencename as name from pg_sequences where schemaname = 'public' and last_value is not null",
      // Without the files, which are others once a table was emptied.
      `select oid, relname, relnamespace, relowner, relkind, relpersistence, relnatts, relchecks, relhasrules,
         relhastriggers, relrowsecurity, relforcerowsecurity, relreplident, relacl, reloptions
         from pg_class where oid >= ${FIRST_OWN_ID} order by oid`,
      Object.entries(catalogs)
        .map(
          ([name, id]) =>
            `select '${name}' as name, count(*), max(xmin::text::bigint) as newest from pg_${name}${own(id)}`,
        )
        .join(' union all '),
      'select datdba, datallowconn, datconnlimit, datacl from pg_database where datname = current_database()',
      'select setrole, setconfig from pg_db_role_setting s join pg_database d on d.oid = setdatabase where datname = current_database()',
      // A plan may follow from what ANALYZE has found in rows that are gone.
      `select count(*) from pg_statistic where starelid >= ${FIRST_OWN_ID}`,
    ].join('; '),
  );
  const names = tables!.map(({ name }) => String(name));
  if (expected && names.join() !== expected.join()) return null;
  const entities = names.filter(name => name !== RECORD);
  const [applied, filled] = await ask(
    [
      `select name from public.${RECORD} order by id`,
      entities.map(name => `select '${name}' as name where exists (select from public.${name})`).join(' union all '),
    ].join('; '),
  );
  const advanced = sequences!.map(({ name }) => String(name)).filter(name => !name.startsWith(RECORD));
  return {
    contents: { tables: names, schema: JSON.stringify(parts), applied: JSON.stringify(applied) },
    sessions: sessions!.length,
    emptying: [
      ...(filled!.length > 0
        ? [`truncate ${filled!.map(({ name }) => `public.${String(name)}`).join(', ')} cascade`]
        : []),
      ...advanced.map(name => `select setval('public.${name}', 1, false)`),
    ].join('; '),
  };
}
