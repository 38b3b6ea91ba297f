import { createRequire } from 'node:module';
import type stringWidth from 'string-width';

/** Is one column of a table: its title, and how many places of the terminal its cells take. */
export interface Column {
  readonly title: string;
  readonly width: number;
  /** Puts cells at the right, as numbers are, and lets one that is too wide stand whole. */
  readonly number?: boolean;
}

/**
 * Matches what no cell may hold: control characters, line breaks of any kind, marks that turn the direction of a line,
 * broken surrogates.
 */
const UNPRINTABLE =
  // oxlint-disable-next-line no-control-regex -- it looks for them
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu;

/** Matches what joins emoji into one, whose width depends on the terminal: apart, each takes two places. */
const EMOJI_JOINER = /\u200d(?=\p{Extended_Pictographic})/gu;

/** Matches a letter with so many accents on it that it grows into the lines beside. */
const TOWER = /\P{M}?\p{M}{10,}/gu;

/**
 * Matches text of which every character is one place wide and may stand in a line: most of it, and worth knowing at
 * once.
 */
const PLAIN = /^[ -~]*$/;

/** What finds the characters of text, once one that is not plain was printed. */
let characters: Intl.Segmenter | undefined;

/**
 * Gives one line of a table, its cells two places apart; the widths are fixed, so that a table can be printed as it is
 * found.
 */
export function lineOf(columns: readonly Column[], cells: readonly string[]): string {
  return columns
    .map((column, index) => cellOf(cells[index]!, column))
    .join('  ')
    .trimEnd();
}

/** Gives the line of a table's titles. */
export function headingOf(columns: readonly Column[]): string {
  return lineOf(
    columns,
    columns.map(({ title }) => title),
  );
}

/** Gives text with a � in place of each character that would break a line, and of each that is too tall for one. */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replaceAll(EMOJI_JOINER, '').replaceAll(UNPRINTABLE, '\ufffd').replaceAll(TOWER, '\ufffd');
}

function cellOf(text: string, { width, number = false }: Column): string {
  return number ? text.padStart(width) : fitted(printable(text), width);
}

/** Pads text to a width, or cuts it off with a … at the end that says so; wide characters take two places. */
function fitted(text: string, width: number): string {
  if (PLAIN.test(text)) return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
  let [taken, kept, keptTaken] = [0, '', 0];
  characters ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { segment } of characters.segment(text)) {
    taken += widthOf(segment);
    if (taken > width) return `${kept}…${' '.repeat(width - 1 - keptTaken)}`;
    if (taken <= width - 1) [kept, keptTaken] = [kept + segment, taken];
  }
  return text + ' '.repeat(width - taken);
}

/** Remembers the widths of characters, since working one out costs more than all else. */
const widths = new Map<string, number>();
const MAX_REMEMBERED_WIDTHS = 10_000;

const load = createRequire(import.meta.url);

function widthOf(character: string): number {
  const known = widths.get(character);
  if (known !== undefined) return known;
  // Loaded only here: its patterns take a fifth of a command's start to make, and most commands print plain text.
  const width = (load('string-width') as { default: typeof stringWidth }).default(character);
  if (widths.size < MAX_REMEMBERED_WIDTHS) widths.set(character, width);
  return width;
}
