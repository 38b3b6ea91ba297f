import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../database/database.js';
import type { OnProgress } from '../progress.js';
import { inTransaction, patiently } from '../../transactions/transactions.js';
import type { BadRow } from './bad-row.js';
import { ImportError } from './import-error.js';
import type { Placed } from './placed.js';
import type { Source } from './source.js';
import type { TableBlock } from './table.js';

/** How an import runs. */
export interface ImportOptions {
  /** Reads everything first and writes nothing if any row is bad. */
  readonly strict?: boolean;
  /** Reads everything and writes nothing; the result says what an import would do. */
  readonly dryRun?: boolean;
  readonly onProgress?: OnProgress;
  /** Called once for each bad row, in the order of the file, batch by batch. */
  readonly onBadRow?: (bad: BadRow) => void;
  /** Called with what was guessed about a file, as a sentence that begins with its name and a line. */
  readonly onNote?: (note: string) => void;
  /** Ends the import after the batch at hand. */
  readonly signal?: AbortSignal;
}

/** The result of an import. */
export interface ImportResult {
  readonly rows: number;
  readonly added: number;
  /** The enrollments that got another status, and those that were removed; only formats with operations do so. */
  readonly changed?: number;
  readonly removed?: number;
  /** Rows that the options left out. */
  readonly skipped?: number;
  readonly alreadyThere: number;
  readonly bad: number;
  /**
   * `refused` if a strict import found bad rows and wrote nothing, `rehearsed` for a dry run, `interrupted` if the
   * signal ended it early.
   */
  readonly outcome: 'finished' | 'refused' | 'rehearsed' | 'interrupted';
}

/** A kind of import: where its rows come from, and how their courses and students are found. */
export interface ImportWork<Row> {
  /** Whether rows can also change and remove, and be skipped, which the result then counts. */
  readonly hasOperations?: boolean;
  readonly sources: readonly Source[];
  /** The file whose bytes measure the progress: the one whose rows are written. */
  readonly measured: Source;
  /** Reads the files from their beginning; `bytes` counts those of the measured one. */
  readonly blocks: () => AsyncIterable<TableBlock<Row>>;
  /** Writes the rows of one batch, in an open transaction. */
  readonly write: (em: SqlEntityManager, rows: readonly Row[]) => Promise<Placed>;
  /**
   * Returns what does the same without writing, batch after batch, and remembers what it would have written: as far as
   * it decides which rows are bad, or all of it.
   */
  readonly rehearsal: (
    remembered: 'decisive' | 'all',
  ) => (em: SqlEntityManager, rows: readonly Row[]) => Promise<Placed>;
}

/**
 * Runs an import in batches of about 1,000 rows, one transaction each, so that it can stop anywhere and go on later.
 */
export async function runImport<Row>(
  database: Database,
  work: ImportWork<Row>,
  options: ImportOptions,
): Promise<ImportResult> {
  const once = work.sources.find(({ bytes }) => bytes === null);
  if (options.strict && !options.dryRun && once)
    throw new ImportError(
      'IMPORT_FILE',
      `${once.name} can be read only once, and a strict import reads twice. Save it as a file first.`,
    );
  const size = work.measured.bytes ?? 0;
  const { onProgress } = options;
  const plainProgress = (done: number, rows: number): void => onProgress?.({ done, total: size, rows });
  if (options.dryRun) {
    const dry = await pass(database, work, options, plainProgress, work.rehearsal('all'));
    return dry.outcome === 'finished' ? { ...dry, outcome: 'rehearsed' } : dry;
  }
  if (!options.strict) return pass(database, work, options, plainProgress);
  const rehearsal = await pass(
    database,
    work,
    options,
    (done, rows) => onProgress?.({ done, total: 2 * size, rows }),
    work.rehearsal('decisive'),
  );
  if (rehearsal.outcome === 'interrupted') return { ...rehearsal, ...nothingWritten(rehearsal) };
  if (rehearsal.bad > 0) return { ...rehearsal, ...nothingWritten(rehearsal), outcome: 'refused' };
  return pass(database, work, options, (done, rows) =>
    onProgress?.({ done: size + done, total: 2 * size, rows: rehearsal.rows + rows }),
  );
}

function nothingWritten({ changed }: ImportResult): Partial<ImportResult> & { added: number } {
  return { added: 0, ...(changed !== undefined && { changed: 0, removed: 0 }) };
}

async function pass<Row>(
  database: Database,
  work: ImportWork<Row>,
  { onBadRow, signal }: ImportOptions,
  report: (bytes: number, rows: number) => void,
  write = work.write,
): Promise<ImportResult> {
  let result: ImportResult = { rows: 0, added: 0, alreadyThere: 0, bad: 0, outcome: 'finished' };
  for await (const block of work.blocks()) {
    if (signal?.aborted) return { ...result, outcome: 'interrupted' };
    const placed = await place(database, block.rows, write);
    const bad = [...block.bad, ...placed.bad].toSorted((a, b) => (a.file === b.file ? a.line - b.line : 0));
    for (const one of bad) onBadRow?.(one);
    const skipped = block.skipped ?? 0;
    result = {
      rows: result.rows + block.rows.length + block.bad.length + skipped,
      added: result.added + placed.added,
      alreadyThere: result.alreadyThere + placed.alreadyThere,
      bad: result.bad + bad.length,
      outcome: 'finished',
      ...(work.hasOperations && {
        changed: (result.changed ?? 0) + (placed.changed ?? 0),
        removed: (result.removed ?? 0) + (placed.removed ?? 0),
        skipped: (result.skipped ?? 0) + skipped,
      }),
    };
    report(block.bytes, result.rows);
  }
  return result;
}

async function place<Row>(database: Database, rows: readonly Row[], write: ImportWork<Row>['write']): Promise<Placed> {
  if (rows.length === 0) return { added: 0, alreadyThere: 0, bad: [] };
  // A batch that was placed already changes nothing when it is placed again.
  return patiently(() => inTransaction(database, em => write(em, rows), 'repeat'));
}
