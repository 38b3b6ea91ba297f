import { stringify } from 'csv-stringify/sync';
import { adminOnly } from '../../access/access.js';
import type { Viewer } from '../../access/viewer.js';
import type { Database } from '../../database/database.js';
import { withGuard } from '../formula-guard.js';
import type { OnProgress } from '../progress.js';
import { inSnapshot } from '../snapshot.js';
import type { ExportedTable, ExportedValue } from './export-pages.js';

/** How an export is written. */
export interface ExportOptions {
  readonly format: 'csv' | 'jsonl';
  /** Whether a cell of CSV that a spreadsheet would run gets an apostrophe, see formula-guard.ts. */
  readonly guarded?: boolean;
  /** Ends the work after the current page. */
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/**
 * Writes all rows of a table as one moment has them, page by page, each when the page before has been taken, and
 * returns how many there are; null: it was told to stop, and what is written is not whole; admins.
 */
export async function writeExport(
  database: Database,
  caller: Viewer | null,
  { count, columns, pages }: ExportedTable,
  write: (text: string) => Promise<void>,
  { format, guarded = true, signal, onProgress }: ExportOptions,
): Promise<number | null> {
  adminOnly(caller);
  return inSnapshot(database, async em => {
    const total = await count(em);
    let rows = 0;
    if (format === 'csv') await write(csvOf([columns], false));
    for await (const page of pages(em)) {
      if (signal?.aborted) return null;
      await write(format === 'csv' ? csvOf(page, guarded) : jsonOf(columns, page));
      rows += page.length;
      onProgress?.({ done: rows, total, rows });
    }
    return rows;
  });
}

function csvOf(rows: readonly (readonly ExportedValue[])[], guarded: boolean): string {
  const cells = rows.map(row =>
    row.map(value => {
      const text = value === null ? '' : String(value);
      return guarded ? withGuard(text) : text;
    }),
  );
  // Programs cut off spaces around a value, unless it is quoted.
  return stringify(cells, { quoted_match: /^\s|\s$|[\r\n]/ });
}

function jsonOf(columns: readonly string[], rows: readonly (readonly ExportedValue[])[]): string {
  return rows
    .map(row => `${JSON.stringify(Object.fromEntries(columns.map((name, index) => [name, row[index]])))}\n`)
    .join('');
}
