import { channel } from 'node:diagnostics_channel';

/**
 * The channel of each statement that changes an existing table, as AlteredTable: published before the statement, and
 * when it has ended.
 */
export const alteredTables = channel('rollcall:altered-tables');

/**
 * The way in which a statement changes a table. It copies the table: writers wait until the end, and readers do not. It
 * builds indexes, which takes long if there are many rows, but nobody waits. Or it keeps all rows and takes a moment.
 */
export type Way = 'copies' | 'builds' | 'keeps';

/** A statement that changes an existing table with rows in it. */
export interface AlteredTable {
  readonly table: string;
  readonly way: Way;
  /** The number of rows, as the database estimates it. */
  readonly rows: number;
  readonly megabytes: number;
  /** What can go wrong meanwhile, with the way out; null: nothing that is known. */
  readonly risk: string | null;
  /** The duration, in milliseconds; null if the statement begins now. */
  readonly took: number | null;
}
