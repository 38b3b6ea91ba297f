/** How many times the data of a table the redo log should have while an index is built on it beside writers. */
const LOG_FOR_DATA = 2;

/** The largest redo log that an index is known to need, in bytes, however large the table is: see riskOfFullLog(). */
const MAX_LOG_NEEDED = 2 ** 30;

/** The size of a table in the catalog, in bytes; null: the server does not say. */
interface TableSize {
  readonly name: string;
  readonly bytes: number | null;
}

/**
 * Returns that the redo log is small for a table on which indexes are built, with the way out; null: it is large enough,
 * or the server is MariaDB, whose log has no such variable.
 *
 * At the end of each index MySQL adds to it what others have written meanwhile. The pages of a new index are full, so
 * nearly each row splits one, and for its last megabyte of rows (`innodb_sort_buffer_size`) it does not look whether the
 * log has room. 9.7 wrote 157 MB of log in that way, where the log had 100 MB, and all writers and the statement waited
 * for each other until the log was made larger.
 */
export async function riskOfFullLog(
  execute: (sql: string) => Promise<readonly object[]>,
  tables: readonly string[],
): Promise<string | null> {
  const variable = 'innodb_redo_log_capacity';
  const [log] = (await execute(`show global variables like '${variable}'`)) as { Value: string }[];
  if (!log) return null;
  const names = tables.map(name => `'${name.replaceAll(/['\\]/g, '\\$&')}'`).join(', ');
  const [largest] = (await execute(
    `select table_name as name, data_length as bytes from information_schema.tables where table_schema = database() and table_name in (${names}) order by data_length desc`,
  )) as TableSize[];
  const needed = Math.min(LOG_FOR_DATA * Number(largest?.bytes ?? 0), MAX_LOG_NEEDED);
  if (!largest || Number(log.Value) >= needed) return null;
  return `${variable} is ${inMegabytes(Number(log.Value))}, little for ${largest.name} with ${inMegabytes(Number(largest.bytes))} of data: if others write much while an index is built, the server can stand still, with all writers. Make it larger before: set global ${variable} = ${2 ** Math.ceil(Math.log2(needed))}. The same makes a server go on that stands still.`;
}

function inMegabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MB`;
}
