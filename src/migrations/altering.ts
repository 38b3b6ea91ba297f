import { channel } from 'node:diagnostics_channel';
import { MigrationRefused } from './migration-refused.js';

/** Tells of a statement that changes an existing table: before it, and when it has ended. */
export const alteredTables = channel('rollcall:altered-tables');

/** A statement that changes an existing table. */
export interface AlteredTable {
  readonly table: string;
  /** Whether the table is copied: then writers wait until the end, and readers do not. Otherwise nobody waits for longer than a moment. */
  readonly copies: boolean;
  /** The number of rows, as the database estimates it. */
  readonly rows: number;
  readonly megabytes: number;
  /** The duration, in milliseconds; null: the statement begins now. */
  readonly took: number | null;
}

/** The longest wait for those who use the table, in seconds: all others queue behind the statement. */
const MAX_LOCK_WAIT_SECONDS = 30;

/** The way in which a table is changed, as SQL; the database refuses the statement where it would take a way that locks more. */
const ways = { copies: 'algorithm = copy, lock = shared', keeps: 'algorithm = inplace, lock = none' };

/** Which table is changed, by which clauses of ALTER TABLE, and how to run SQL. */
interface Alteration {
  readonly table: string;
  readonly clauses: readonly string[];
  readonly copies: boolean;
  readonly execute: (sql: string) => Promise<readonly object[]>;
}

/** Changes a table and tells of it on the channel. Errors: MigrationRefused where others use the table for too long. */
export async function alter({ table, clauses, copies, execute }: Alteration): Promise<void> {
  const [size] = (await execute(`select table_rows as n, (data_length + index_length) / 1000000 as megabytes from information_schema.tables where table_schema = database() and table_name = '${table}'`)) as { n: number; megabytes: number }[];
  const altered: AlteredTable = { table, copies, rows: Number(size?.n ?? 0), megabytes: Number(size?.megabytes ?? 0), took: null };
  alteredTables.publish(altered);
  const start = performance.now();
  await execute(`set session lock_wait_timeout = ${MAX_LOCK_WAIT_SECONDS}`);
  try {
    await execute(`alter table ${table} ${clauses.join(', ')}, ${copies ? ways.copies : ways.keeps}`);
  } catch (error) {
    throw isLockWait(error) ? new MigrationRefused(`Others have used the table ${table} for ${MAX_LOCK_WAIT_SECONDS} seconds. What was done before stays as it is. End their transactions ("show full processlist" names them), then migrate again.`, { cause: error }) : error;
  } finally {
    await execute('set session lock_wait_timeout = default');
  }
  alteredTables.publish({ ...altered, took: performance.now() - start } satisfies AlteredTable);
}

function isLockWait(error: unknown): boolean {
  return (error as { errno?: number }).errno === 1205;
}
