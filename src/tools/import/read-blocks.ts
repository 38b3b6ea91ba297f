import { partedRows, type BadRow } from './bad-row.js';
import { isoDates, type DateForm } from './dates.js';
import type { Source } from './source.js';
import { tableBlocks, type FileColumn, type TableBlock, type TableOptions, type FileRow } from './table.js';

/** How the file of an import is read. */
export interface FileOptions extends Pick<TableOptions, 'form' | 'header' | 'values' | 'map'> {
  /** Columns that are left out; others that are not known are refused. */
  readonly ignoredColumns?: readonly string[];
  /** How dates are written, ISO 8601 if left out. */
  readonly dates?: DateForm;
}

/** What the reader of a row may need beside it. */
export interface RowContext {
  /** The name of the file. */
  readonly file: string;
  /** The moment of the import. */
  readonly now: Date;
  readonly dates: DateForm;
}

/** Reads a table, and each row by a function, which says what it means or why it is bad. Errors: ImportError. */
export async function* readBlocks<const Names extends readonly string[], Row extends object>(
  source: Source,
  names: Names,
  aliases: Readonly<Record<FileColumn<Names>, readonly string[]>>,
  { ignoredColumns = [], dates = isoDates, ...options }: FileOptions & Pick<TableOptions, 'onNote'>,
  read: (row: FileRow<FileColumn<Names>>, context: RowContext) => Row | BadRow,
): AsyncGenerator<TableBlock<Row>> {
  const context = { file: source.name, now: new Date(), dates };
  for await (const { rows, bad, bytes } of tableBlocks(source, names, {
    ...options,
    ignored: ignoredColumns,
    aliases,
  })) {
    const { rows: good, bad: others } = partedRows(rows.map(row => read(row, context)));
    yield { rows: good, bad: [...bad, ...others], bytes };
  }
}
