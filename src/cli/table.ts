import stringWidth from 'string-width';

/** Is one column of a table: its title, and how many places of the terminal its cells take. */
export interface Column {
  readonly title: string;
  readonly width: number;
  /** Puts cells at the right, as numbers are, and lets one that is too wide stand whole. */
  readonly number?: boolean;
}

/** Matches what no cell may hold: control characters, line breaks of any kind, marks that turn the direction of a line, broken surrogates. */
// eslint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu;

/** Matches what joins emoji into one, whose width depends on the terminal: apart, each takes two places. */
const EMOJI_JOINER = /\u200d(?=\p{Extended_Pictographic})/gu;

/** Limits the code points of one character: letters with many accents on them would grow into the lines beside. */
const MOST_CODE_POINTS = 10;

const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Gives one line of a table, its cells two places apart; the widths are fixed, so that a table can be printed as it is found. */
export function lineOf(columns: readonly Column[], cells: readonly string[]): string {
  return columns.map((column, index) => cellOf(cells[index]!, column)).join('  ').trimEnd();
}

/** Gives the line of a table's titles. */
export function headingOf(columns: readonly Column[]): string {
  return lineOf(columns, columns.map(({ title }) => title));
}

/** Gives text with a � in place of each character that would break a line, and of each that is too tall for one. */
export function printable(text: string): string {
  const plain = text.replaceAll(EMOJI_JOINER, '').replaceAll(UNPRINTABLE, '\ufffd');
  return [...characters.segment(plain)].map(({ segment }) => ([...segment].length > MOST_CODE_POINTS ? '\ufffd' : segment)).join('');
}

function cellOf(text: string, { width, number = false }: Column): string {
  if (number) return text.padStart(width);
  const shown = shortened(printable(text), width);
  return shown + ' '.repeat(width - stringWidth(shown));
}

/** Cuts text off at a width, with a … at the end that says so; wide characters take two places. */
function shortened(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  for (const { segment } of characters.segment(text)) {
    if (stringWidth(kept + segment) > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}
