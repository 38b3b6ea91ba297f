import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { lineBlocks, MAX_LINE_BYTES, type Line, type LineFault } from './lines.js';

/**
 * The most lines of a quoted value; a quote that is not closed by then is a mistake on its own line.
 */
const MAX_VALUE_LINES = 10;

/** A row of a CSV file, or why there is none on that line. */
export type CsvRow = { readonly line: number } & (
  | { readonly cells: readonly string[] }
  | { readonly cells?: undefined; readonly code: 'QUOTING' | LineFault; readonly message: string }
);

/**
 * Reads CSV as blocks of at most 1,000 rows or so, each with the line that it begins on; empty lines are left out.
 *
 * A mistake costs its own row only: csv-parse alone, told to skip records with errors, loses the rows after them.
 */
export async function* csvBlocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<{ rows: CsvRow[]; bytes: number }> {
  let carried: readonly Line[] = [];
  let read = 0;
  for await (const { lines, bytes } of lineBlocks(chunks)) {
    const { rows, rest } = csvRowsOf([...carried, ...lines], false);
    carried = rest;
    read = bytes;
    yield { rows, bytes };
  }
  if (carried.length > 0) yield { rows: csvRowsOf(carried, true).rows, bytes: read };
}

const faults: Readonly<Record<LineFault, string>> = {
  TOO_LONG: `The line is longer than ${MAX_LINE_BYTES} bytes; a line break may be missing.`,
  ENCODING:
    'The line is not UTF-8, or has a NUL in it. Convert the file, such as by "iconv -f LATIN1 -t UTF-8" or "iconv -f UTF-16 -t UTF-8".',
  LINE_BREAK: "The line has a CR without LF in it. Convert such line breaks, such as by \"tr '\\r' '\\n'\".",
};

function csvRowsOf(lines: readonly Line[], isEnd: boolean): { rows: CsvRow[]; rest: readonly Line[] } {
  const rows = oneRowEachLine(lines);
  return rows ? { rows, rest: [] } : lineByLine(lines, isEnd);
}

/** Parses many lines at once; null where they are not one faultless row each. */
function oneRowEachLine(lines: readonly Line[]): CsvRow[] | null {
  const filled = lines.filter(({ text }) => text?.trim() !== '');
  if (filled.some(({ text }) => text === null)) return null;
  const records = recordsIn(filled.map(({ text }) => text).join('\n'));
  if (records instanceof CsvError || records.length !== filled.length) return null;
  return records.map((cells, index) => ({ line: filled[index]!.number, cells }));
}

function lineByLine(lines: readonly Line[], isEnd: boolean): { rows: CsvRow[]; rest: readonly Line[] } {
  const rows: CsvRow[] = [];
  for (let start = 0; start < lines.length;) {
    const { number: line, ...read } = lines[start]!;
    if (read.text === null) rows.push({ line, code: read.fault, message: faults[read.fault] });
    const parsed = read.text === null || read.text.trim() === '' ? null : recordFrom(lines, start);
    if (parsed?.open && !isEnd) return { rows, rest: lines.slice(start) };
    if (parsed?.cells) rows.push({ line, cells: parsed.cells });
    else if (parsed)
      rows.push({
        line,
        code: 'QUOTING',
        message:
          'A quote is not closed, or stands inside a value. Quote the whole value, and write quotes in it twice.',
      });
    start += parsed?.cells ? parsed.span : 1;
  }
  return { rows, rest: [] };
}

/** Parses the row that begins on a line; `open` says that it might be closed by lines that are yet to be read. */
function recordFrom(lines: readonly Line[], start: number): { cells?: string[]; span: number; open: boolean } {
  let joined = '';
  for (let span = 1; span <= MAX_VALUE_LINES; span++) {
    const next = lines[start + span - 1];
    if (!next) return { span, open: true };
    if (next.text === null) break;
    joined += span === 1 ? next.text : `\n${next.text}`;
    const records = recordsIn(joined);
    if (!(records instanceof CsvError)) return { cells: records[0], span, open: false };
    if (records.code !== 'CSV_QUOTE_NOT_CLOSED') break;
  }
  return { span: 1, open: false };
}

function recordsIn(text: string): string[][] | CsvError {
  try {
    return parse(text, { relax_column_count: true, trim: true, record_delimiter: '\n', max_record_size: 0 });
  } catch (error) {
    if (error instanceof CsvError) return error;
    throw error;
  }
}
