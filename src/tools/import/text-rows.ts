import {
  csvRowsOf,
  delimiterIn,
  lineFaults,
  separatorNamedBy,
  type CsvForm,
  type RowsRead,
  type TextRow,
} from './csv-rows.js';
import { jsonRowsOf } from './json-rows.js';
import { lineBlocks, type Line } from './lines.js';
import { readableText } from './text-encoding.js';

/** How a file is written, as far as it is known; the rest is recognized. */
export interface TextForm extends Partial<CsvForm> {
  readonly encoding?: string;
}

/** Rows, with the number of bytes read up to their end. */
export interface RowBlock {
  readonly rows: readonly TextRow[];
  readonly bytes: number;
}

/** The most lines of a quoted value in a table whose values have no line breaks. */
const MAX_VALUE_LINES = 10;

/**
 * Reads a table as blocks of at most 1,000 rows or so, each with the line that it begins on; empty lines are left out.
 * The first row has the names of the columns, unless the file has none.
 *
 * The file is CSV, whose delimiter the first line shows or names (`sep=;`), or JSON Lines, if it begins with `{`.
 */
export async function* rowBlocks(
  chunks: AsyncIterable<Uint8Array>,
  { encoding, ...given }: TextForm = {},
  onNote: (note: string, line: number) => void = () => undefined,
): AsyncGenerator<RowBlock> {
  const text = await readableText(chunks, encoding, onNote);
  let rowsOf: ((lines: readonly Line[], isEnd: boolean) => RowsRead) | null = null;
  let carried: readonly Line[] = [];
  let read = 0;
  for await (const { lines, bytes } of lineBlocks(text.chunks, text)) {
    let fresh = lines;
    if (!rowsOf) ({ rowsOf, lines: fresh } = begun(lines, given));
    read = text.bytesRead?.() ?? bytes;
    if (!rowsOf) continue;
    const { rows, rest } = rowsOf([...carried, ...fresh], false);
    carried = rest;
    yield { rows, bytes: read };
  }
  if (rowsOf && carried.length > 0) yield { rows: rowsOf(carried, true).rows, bytes: read };
}

/** Recognizes from its first line how a file is written; null: all lines so far are empty. */
function begun(
  lines: readonly Line[],
  given: Partial<CsvForm>,
): { rowsOf: ((lines: readonly Line[], isEnd: boolean) => RowsRead) | null; lines: readonly Line[] } {
  const start = lines.findIndex(({ text }) => text?.trim() !== '');
  const first = lines[start];
  if (!first) return { rowsOf: null, lines };
  const { text } = first;
  // A file without a first line has no names of columns either, and is refused for that.
  if (text === null) {
    const unread = { line: first.number, code: first.fault, message: lineFaults[first.fault] } as const;
    return { rowsOf: () => ({ rows: [unread], rest: [] }), lines };
  }
  if (given.delimiter === undefined && text.trimStart().startsWith('{'))
    return { rowsOf: jsonRowsOf(), lines: lines.slice(start) };
  const named = separatorNamedBy(text);
  const form: CsvForm = {
    delimiter: given.delimiter ?? named ?? delimiterIn(text),
    escape: given.escape ?? '"',
    maxValueLines: given.maxValueLines ?? MAX_VALUE_LINES,
    guarded: given.guarded ?? true,
  };
  return {
    rowsOf: (some, isEnd) => csvRowsOf(some, isEnd, form),
    lines: lines.slice(named === null ? start : start + 1),
  };
}
