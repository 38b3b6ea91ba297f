import { createRequire } from 'node:module';
import type stringWidth from 'string-width';
import { isPlain, printable } from './printable.js';

/** A column of a table: its title, and the width of its cells in columns of the terminal. */
export interface Column {
  readonly title: string;
  readonly width: number;
  /** Whether cells are aligned to the right, as numbers are; one that is too wide is not cut off. */
  readonly number?: boolean;
}

/** The most characters whose widths are remembered. */
const MAX_REMEMBERED_WIDTHS = 10_000;

/**
 * Returns a line of a table, with two spaces between its cells. The widths are fixed, so that a table can be printed
 * while its lines are still being found.
 */
export function lineOf(columns: readonly Column[], cells: readonly string[]): string {
  return columns
    .map((column, index) => cellOf(cells[index]!, column))
    .join('  ')
    .trimEnd();
}

/** Returns the line of a table's titles. */
export function headingOf(columns: readonly Column[]): string {
  return lineOf(
    columns,
    columns.map(({ title }) => title),
  );
}

function cellOf(text: string, { width, number = false }: Column): string {
  return number ? text.padStart(width) : fitted(printable(text), width);
}

/** Finds the characters of a text; made when the first text comes that is not plain. */
let characters: Intl.Segmenter | undefined;

/** Pads a text to a width, or cuts it off and ends it with a …; wide characters take two columns. */
function fitted(text: string, width: number): string {
  if (isPlain(text)) return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
  let [taken, kept, keptTaken] = [0, '', 0];
  characters ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { segment } of characters.segment(text)) {
    taken += widthOf(segment);
    if (taken > width) return `${kept}…${' '.repeat(width - 1 - keptTaken)}`;
    if (taken <= width - 1) [kept, keptTaken] = [kept + segment, taken];
  }
  return text + ' '.repeat(width - taken);
}

/** The widths of characters, since working one out costs more than all else. */
const widths = new Map<string, number>();

const load = createRequire(import.meta.url);

function widthOf(character: string): number {
  const known = widths.get(character);
  if (known !== undefined) return known;
  // Loaded here: its patterns take a fifth of a command's start, and most commands print plain text.
  const width = (load('string-width') as { default: typeof stringWidth }).default(character);
  if (widths.size < MAX_REMEMBERED_WIDTHS) widths.set(character, width);
  return width;
}
