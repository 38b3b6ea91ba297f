import { nameAsText, quotedName } from '../../../migrations/sql-names.js';
import { compiledValues } from '../../compiled-values.js';
import type { Database, Inspection, NumberType } from '../dialect.js';
import { examineServerSettings } from './server-settings.js';
import { examineStorage } from './storage.js';

const TYPES: ReadonlyMap<string, NumberType> = new Map([
  ['smallint', { name: 'smallint', highest: 2n ** 15n - 1n }],
  ['integer', { name: 'integer', highest: 2n ** 31n - 1n }],
]);

/** The doctor's queries for PostgreSQL. */
export const postgreSqlInspection: Inspection = {
  version: async database =>
    (await select<{ version: string }>(database, "select current_setting('server_version') as version"))[0]!.version,
  kindOf: () => 'postgresql',
  examineSettings: examineServerSettings,
  // The disk of a server is not that of this machine.
  examineDisk: () => Promise.resolve([]),
  async clock(database) {
    const [row] = await select<{ now: string }>(
      database,
      'select floor(extract(epoch from clock_timestamp()) * 1000)::text as now',
    );
    return Number(row!.now);
  },
  examineStorage,
  // All tables take part in transactions.
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
  async highestKey(database, table, key) {
    const [row] = await select<{ highest: string | null; given: string | null }>(
      database,
      `select (select max(${quotedName(database.em, key)})::text from ${quotedName(database.em, table)}) as highest, pg_sequence_last_value(pg_get_serial_sequence(${nameAsText(database.em, quotedName(database.em, table))}, ${nameAsText(database.em, key)})::regclass)::text as given`,
    );
    const [highest, given] = [BigInt(row?.highest ?? 0), BigInt(row?.given ?? 0)];
    return given > highest ? given : highest;
  },
  async plan(database, sql, parameters) {
    const explain = `explain (format json) ${sql}`;
    const values = compiledValues([...parameters]);
    const nodes = planOf(await select<PlanRow>(database, explain, values));
    // It does not say which indexes it has considered: this shows the one that it would use if it had to.
    const forced = await database.em.fork().transactional(async em => {
      await em.execute('set local enable_seqscan = off', [], 'run');
      return planOf(await em.getConnection().execute<PlanRow[]>(explain, values, 'all', em.getTransactionContext()));
    });
    return {
      index: indexOf(nodes),
      possible: [indexOf(forced)].filter(index => index !== null),
      text: nodes
        .map(node => [node['Node Type'], node['Index Name'], node['Relation Name']].filter(Boolean).join(' '))
        .join(', '),
    };
  },
  async indexesStartingWith(database, table, column) {
    const rows = await select<{ name: string }>(
      database,
      `select x.indexrelid::regclass::text as name from pg_index x join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0] where x.indrelid = ${nameAsText(database.em, quotedName(database.em, table))}::regclass and a.attname = ${nameAsText(database.em, column)}`,
    );
    return rows.map(({ name }) => name);
  },
  analyzeSql: (database, table) => `analyze ${quotedName(database.em, table)}`,
};

/** A node of a plan, with those that it reads from. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** A row of EXPLAIN. */
interface PlanRow {
  readonly 'QUERY PLAN': readonly { readonly Plan: PlanNode }[];
}

/** Returns the nodes of a plan, each before those that it reads from. */
function planOf([row]: readonly PlanRow[]): PlanNode[] {
  return nodesOf(row!['QUERY PLAN'][0]!.Plan);
}

/** Returns the index in which a plan looks up values; null if there is none. */
function indexOf(nodes: readonly PlanNode[]): string | null {
  return (
    nodes.find(node => node['Index Name'] !== undefined && node['Index Cond'] !== undefined)?.['Index Name'] ?? null
  );
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

function select<Row extends object>(database: Database, sql: string, parameters: unknown[] = []): Promise<Row[]> {
  return database.em.getConnection().execute<Row[]>(sql, parameters);
}
