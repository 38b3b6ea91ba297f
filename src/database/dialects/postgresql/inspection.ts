import { compiledValues } from '../../compiled-values.js';
import type { Database, Inspection, NumberType } from '../dialect.js';
import { failed, ok, warning, type Finding } from '../finding.js';

const TYPES: ReadonlyMap<string, NumberType> = new Map([
  ['smallint', { name: 'smallint', highest: 2n ** 15n - 1n }],
  ['integer', { name: 'integer', highest: 2n ** 31n - 1n }],
]);

/** The doctor's queries for PostgreSQL. */
export const postgreSqlInspection: Inspection = {
  version: async database =>
    `${(await select<{ version: string }>(database, "select current_setting('server_version') as version"))[0]!.version} PostgreSQL`,
  kindOf: () => 'postgresql',
  examineSettings,
  // The disk of a server is not that of this machine.
  examineDisk: () => Promise.resolve([]),
  async clock(database) {
    const [row] = await select<{ now: string }>(
      database,
      'select floor(extract(epoch from clock_timestamp()) * 1000)::text as now',
    );
    return Number(row!.now);
  },
  examineStorage: () => Promise.resolve([]),
  examineRollback: () => Promise.resolve([]),
  async numberTypes(database) {
    const columns = await select<{ name: string; type: string }>(
      database,
      "select table_name || '.' || column_name as name, data_type as type from information_schema.columns where table_schema = current_schema()",
    );
    return new Map(
      columns.flatMap(({ name, type }) => {
        const numberType = TYPES.get(type);
        return numberType ? [[name, numberType]] : [];
      }),
    );
  },
  async highestKey(database, table) {
    const [row] = await select<{ highest: string | null; given: string | null }>(
      database,
      `select (select max(id)::text from ${table}) as highest, pg_sequence_last_value(pg_get_serial_sequence('${table}', 'id')::regclass)::text as given`,
    );
    const [highest, given] = [BigInt(row?.highest ?? 0), BigInt(row?.given ?? 0)];
    return given > highest ? given : highest;
  },
  async plan(database, sql, parameters) {
    const [row] = await select<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
      database,
      `explain (format json) ${sql}`,
      compiledValues([...parameters]),
    );
    const nodes = nodesOf(row!['QUERY PLAN'][0]!.Plan);
    const found = nodes.find(node => node['Index Name'] !== undefined && node['Index Cond'] !== undefined);
    return {
      index: found?.['Index Name'] ?? null,
      // It does not say which indexes it has considered.
      possible: [],
      text: nodes
        .map(node => [node['Node Type'], node['Index Name'], node['Relation Name']].filter(Boolean).join(' '))
        .join(', '),
    };
  },
  async indexesStartingWith(database, table, column) {
    const rows = await select<{ name: string }>(
      database,
      `select x.indexrelid::regclass::text as name from pg_index x join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0] where x.indrelid = '${table}'::regclass and a.attname = '${column}'`,
    );
    return rows.map(({ name }) => name);
  },
  analyzeSql: table => `analyze ${table}`,
};

/** A node of a plan, with those that it reads from. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** Examines the settings of the server that matter to Rollcall. */
async function examineSettings(database: Database): Promise<Finding[]> {
  const pool = (database.config.get('pool') as { max?: number } | undefined)?.max ?? 0;
  const [row] = await select<Record<'replica' | 'isolation' | 'encoding' | 'fsync' | 'connections' | 'wait', string>>(
    database,
    `select pg_is_in_recovery()::text as replica, current_setting('transaction_isolation') as isolation, current_setting('server_encoding') as encoding,
       current_setting('fsync') as fsync, current_setting('max_connections') as connections, current_setting('lock_timeout') as wait`,
  );
  const { replica, isolation, encoding, fsync, connections, wait } = row!;
  const amiss = [
    ...(replica === 'true'
      ? [failed('The server is a replica, and accepts no changes.', 'Name the primary in DATABASE_URL.')]
      : []),
    ...(encoding === 'UTF8'
      ? []
      : [
          failed(
            `The encoding of the database is ${encoding}, so some texts cannot be saved.`,
            "create database … encoding 'UTF8'",
          ),
        ]),
    ...(fsync === 'on'
      ? []
      : [warning('fsync is off: a power cut can destroy the database.', 'Set fsync = on in postgresql.conf.')]),
    ...(Number(connections) < 2 * pool
      ? [
          warning(
            `max_connections is ${connections}, and each server uses up to ${pool}.`,
            'Raise it, so that there is room for all servers, a command and yourself.',
          ),
        ]
      : []),
  ];
  return amiss.some(({ status }) => status === 'failed')
    ? amiss
    : [...amiss, ok(`Isolation ${isolation}; lock waits end after ${wait}; at most ${connections} connections.`)];
}

function select<Row extends object>(database: Database, sql: string, parameters: unknown[] = []): Promise<Row[]> {
  return database.em.getConnection().execute<Row[]>(sql, parameters);
}
