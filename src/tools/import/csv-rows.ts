import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { withoutGuard } from '../formula-guard.js';
import { MAX_LINE_BYTES, type Line, type LineFault } from './lines.js';

/** A row of a file, or why there is none on that line. */
export type TextRow = { readonly line: number } & (
  | { readonly cells: readonly string[] }
  | {
      readonly cells?: undefined;
      readonly code: 'QUOTING' | 'LINE_BREAK' | 'JSON' | LineFault;
      readonly message: string;
    }
);

/** How the rows of a file are written. */
export interface CsvForm {
  readonly delimiter: string;
  /** What stands before a quote within a quoted value. */
  readonly escape: '"' | '\\';
  /** The most lines of a quoted value; a quote that is not closed by then is a mistake on its own line. */
  readonly maxValueLines: number;
  /** Whether a cell may have an apostrophe that keeps a spreadsheet from running it, see formula-guard.ts. */
  readonly guarded: boolean;
}

/** Rows, and the lines after them that need others before they can be read. */
export interface RowsRead {
  readonly rows: TextRow[];
  readonly rest: readonly Line[];
}

/** What a line is told that could not be read as text. */
export const lineFaults: Readonly<Record<LineFault, string>> = {
  TOO_LONG: `The line is longer than ${MAX_LINE_BYTES} bytes; a line break may be missing.`,
  ENCODING:
    'The line is not in the encoding of the lines before it, or has a NUL in it. If all of the file is in another encoding, name it, such as by --encoding cp850; else correct the line.',
};

const LINE_BREAK =
  'The line has another line break in it than the one that ends the lines of this file. Use one kind, or quote the whole value.';
const QUOTING = 'A quote is not closed, or stands inside a value. Quote the whole value, and write quotes in it twice.';

/** The characters that separate columns, the most usual one first. */
const delimiters = [',', ';', '\t', '|'] as const;

/** Returns the character that separates the columns: in the first line of a file it is the most frequent one. */
export function delimiterIn(line: string): string {
  const bare = line.replace(/"(?:[^"]|"")*"/g, '');
  const counts = delimiters.map(one => bare.split(one).length);
  return delimiters[counts.indexOf(Math.max(...counts))]!;
}

/** Returns the separator that the line `sep=;` names, as spreadsheets write and read it; null: it is no such line. */
export function separatorNamedBy(line: string): string | null {
  return /^"?sep=(.)"?$/i.exec(line.trimStart())?.[1] ?? null;
}

/**
 * Reads the rows of some lines, each with the line that it begins on; empty lines are left out.
 *
 * A mistake costs its own row only: csv-parse alone, told to skip records with errors, loses the rows after them.
 */
export function csvRowsOf(lines: readonly Line[], isEnd: boolean, form: CsvForm): RowsRead {
  const rows = oneRowEachLine(lines, form);
  return rows ? { rows, rest: [] } : lineByLine(lines, isEnd, form);
}

function isBlank({ text }: Line): boolean {
  return text?.trim() === '';
}

/** Parses many lines at once; null where they are not one faultless row each. */
function oneRowEachLine(lines: readonly Line[], form: CsvForm): TextRow[] | null {
  const filled = lines.filter(line => !isBlank(line));
  if (filled.some(({ text }) => text === null || /[\r\n]/.test(text))) return null;
  const records = recordsIn(filled.map(({ text }) => text).join('\n'), form);
  if (records instanceof CsvError || records.length !== filled.length) return null;
  return records.map((cells, index) => ({ line: filled[index]!.number, cells: cellsOf(cells, form) }));
}

function lineByLine(lines: readonly Line[], isEnd: boolean, form: CsvForm): RowsRead {
  const rows: TextRow[] = [];
  for (let start = 0; start < lines.length;) {
    const first = lines[start]!;
    const { number: line } = first;
    const parsed = first.text === null || isBlank(first) ? null : recordFrom(lines, start, form);
    if (parsed?.open && !isEnd) return { rows, rest: lines.slice(start) };
    if (first.text === null) rows.push({ line, code: first.fault, message: lineFaults[first.fault] });
    else if (parsed?.cells) rows.push({ line, cells: cellsOf(parsed.cells, form) });
    else if (parsed?.brokenLine) rows.push({ line, code: 'LINE_BREAK', message: LINE_BREAK });
    else if (parsed) rows.push({ line, code: 'QUOTING', message: QUOTING });
    start += parsed?.cells ? parsed.span : 1;
  }
  return { rows, rest: [] };
}

/** A row that was looked for from a line on; `open`: lines that are yet to be read may close it. */
interface Parsed {
  readonly cells?: string[];
  readonly span: number;
  readonly open?: boolean;
  readonly brokenLine?: boolean;
}

/** Parses the row that begins on a line: it ends with the first line after which all quotes are closed. */
function recordFrom(lines: readonly Line[], start: number, form: CsvForm): Parsed {
  let [joined, quotes] = ['', 0];
  for (let span = 1; span <= form.maxValueLines && joined.length <= MAX_LINE_BYTES; span++) {
    const next = lines[start + span - 1];
    if (!next) return { span, open: true };
    if (next.text === null) break;
    quotes += quotesIn(next.text, form);
    joined += next.text;
    if (quotes % 2 === 0) {
      if (hasBreakOutsideQuotes(joined, span)) return { span: 1, brokenLine: true };
      const records = recordsIn(joined, form);
      return records instanceof CsvError || records.length !== 1 ? { span: 1 } : { cells: records[0]!, span };
    }
    joined += next.ending;
  }
  return { span: 1 };
}

function quotesIn(text: string, { escape }: CsvForm): number {
  return (escape === '"' ? text : text.replace(/\\[^]/g, '')).split('"').length - 1;
}

function hasBreakOutsideQuotes(text: string, span: number): boolean {
  return (span > 1 || /[\r\n]/.test(text)) && /[\r\n]/.test(text.replace(/"[^"]*"/g, ''));
}

function cellsOf(cells: string[], { guarded }: CsvForm): string[] {
  return guarded ? cells.map(withoutGuard) : cells;
}

function recordsIn(text: string, { delimiter, escape }: CsvForm): string[][] | CsvError {
  try {
    return parse(text, {
      delimiter,
      escape,
      relax_column_count: true,
      trim: true,
      record_delimiter: '\n',
      max_record_size: 0,
    });
  } catch (error) {
    if (error instanceof CsvError) return error;
    throw error;
  }
}
