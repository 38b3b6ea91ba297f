import { isUtf8 } from 'node:buffer';
import { LINE_BREAKS, type ReadableText } from './text-encoding.js';

const MAX_BLOCK_LINES = 1000;
const BLOCK_BYTES = 1024 * 1024;

/** The most bytes of one line; in a longer one a line break is most often missing. */
export const MAX_LINE_BYTES = 256 * 1024;

/** What keeps a line from being read as text. */
export type LineFault = 'TOO_LONG' | 'ENCODING';

/** One line of a file, without its line break, or what is wrong with it. Its number counts from 1. */
export type Line = { readonly number: number } & (
  { readonly text: string; readonly ending: '\n' | '\r\n' | '\r' } | { readonly text: null; readonly fault: LineFault }
);

/** Successive lines, with the number of bytes read up to their end. */
export interface LineBlock {
  readonly lines: readonly Line[];
  readonly bytes: number;
}

/**
 * Reads text as blocks of at most 1,000 lines, in constant memory; a byte order mark is left out. Without more
 * knowledge it is UTF-8, with LF or CRLF.
 */
export async function* lineBlocks(
  chunks: AsyncIterable<Uint8Array>,
  {
    lineBreak = LINE_BREAKS.lf,
    decode = line => (isUtf8(line) && !line.includes(0) ? line.toString('utf8') : null),
  }: Partial<Pick<ReadableText, 'lineBreak' | 'decode'>> = {},
): AsyncGenerator<LineBlock> {
  let lines: Line[] = [];
  let [bytes, blockStart, number] = [0, 0, 0];
  let pieces: Uint8Array[] = [];
  let length = 0;
  const keep = (piece: Uint8Array): void => {
    length += piece.length;
    if (length > MAX_LINE_BYTES) pieces = [];
    else pieces.push(piece);
  };
  const finish = (): void => {
    number += 1;
    lines.push(length > MAX_LINE_BYTES ? { number, text: null, fault: 'TOO_LONG' } : lineOf(number));
    pieces = [];
    length = 0;
  };
  const lineOf = (at: number): Line => {
    const text = decode(Buffer.concat(pieces), at);
    if (text === null) return { number: at, text, fault: 'ENCODING' };
    const whole = at === 1 ? text.replace(/^\uFEFF/, '') : text;
    if (lineBreak === LINE_BREAKS.cr) return { number: at, text: whole, ending: '\r' };
    return whole.endsWith('\r')
      ? { number: at, text: whole.slice(0, -1), ending: '\r\n' }
      : { number: at, text: whole, ending: '\n' };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(lineBreak); end >= 0; end = chunk.indexOf(lineBreak, start)) {
      keep(chunk.subarray(start, end));
      finish();
      bytes += end + 1 - start;
      start = end + 1;
      if (lines.length < MAX_BLOCK_LINES && bytes - blockStart < BLOCK_BYTES) continue;
      yield { lines, bytes };
      lines = [];
      blockStart = bytes;
    }
    keep(chunk.subarray(start));
    bytes += chunk.length - start;
  }
  if (length > 0) finish();
  if (lines.length > 0) yield { lines, bytes };
}
