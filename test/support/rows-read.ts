import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';

/** A connection that tells how many rows the server reads for a statement. */
export interface ReadCounter {
  readonly rowsReadBy: (sql: string) => Promise<number>;
  readonly close: () => Promise<void>;
}

/**
 * The ways in which MySQL and MariaDB read a row: by a key, and the first, last, next and previous one in an index.
 */
const READS = ['key', 'first', 'last', 'next', 'prev'].map(way => `Handler_read_${way}`);
/** The way in which they read a whole table, without an index, and all rows of temporary tables. */
const SCAN = 'Handler_read_rnd_next';

/** Connects to the database of a URL, on a server. */
export async function readCounter(url: string): Promise<ReadCounter> {
  return url.startsWith('postgresql:') ? counterByPlan(url) : counterByStatus(url);
}

async function counterByStatus(url: string): Promise<ReadCounter> {
  const connection = await createConnection({
    uri: url.replace(/^mariadb:/, 'mysql:'),
    timezone: 'Z',
  });
  const read = async (ways: readonly string[]): Promise<number> => {
    const [rows] = await connection.query("show session status like 'Handler_read_%'");
    return (rows as { Variable_name: string; Value: string }[])
      .filter(({ Variable_name: name }) => ways.includes(name))
      .reduce((sum, { Value: value }) => sum + Number(value), 0);
  };
  const explain = url.startsWith('mysql:') ? 'explain format=traditional' : 'explain';
  const scans = async (sql: string): Promise<boolean> => {
    const [plan] = await connection.query(`${explain} ${sql}`);
    return (plan as { table: string | null; type: string | null }[]).some(
      ({ table, type }) => type === 'ALL' && table?.startsWith('core_') === true,
    );
  };
  return {
    async rowsReadBy(sql) {
      const ways = (await scans(sql)) ? [...READS, SCAN] : READS;
      // Reading the status may count as well.
      const before = await read(ways);
      const start = await read(ways);
      await connection.query(sql);
      return (await read(ways)) - start - (start - before);
    },
    close: () => connection.end(),
  };
}

/** A node of PostgreSQL's plan, after the statement has run. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** The nodes that read rows of a table; a bitmap of an index is read by another node. */
const SCANS = ['Seq Scan', 'Index Scan', 'Index Only Scan', 'Bitmap Heap Scan'];

async function counterByPlan(url: string): Promise<ReadCounter> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return {
    async rowsReadBy(sql) {
      const { rows } = await client.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
        `explain (analyze, format json) ${sql}`,
      );
      return rowsReadIn(rows[0]!['QUERY PLAN'][0]!.Plan);
    },
    close: () => client.end(),
  };
}

function rowsReadIn(node: PlanNode): number {
  const each =
    node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  const own = SCANS.includes(node['Node Type']) ? each * node['Actual Loops'] : 0;
  return (node.Plans ?? []).reduce((sum, inner) => sum + rowsReadIn(inner), own);
}
