import { isUtf8 } from 'node:buffer';

const NEWLINE = 0x0a;
const MAX_BLOCK_LINES = 1000;
const BLOCK_BYTES = 1024 * 1024;

/** The most bytes of one line; in a longer one a line break is most often missing. */
export const MAX_LINE_BYTES = 64 * 1024;

/** What keeps a line from being read as text. */
export type LineFault = 'TOO_LONG' | 'ENCODING' | 'LINE_BREAK';

/** One line of a file, without its line break, or what is wrong with it. Its number counts from 1. */
export type Line = { readonly number: number } & (
  { readonly text: string } | { readonly text: null; readonly fault: LineFault }
);

/** Successive lines, with the number of bytes read up to their end. */
export interface LineBlock {
  readonly lines: readonly Line[];
  readonly bytes: number;
}

/**
 * Reads UTF-8 text as blocks of at most 1,000 lines, in constant memory; line breaks are LF or CRLF, a byte order mark
 * is left out. A line with a CR in it is a fault: it is the line break of a file from another time, or none at all.
 */
export async function* lineBlocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<LineBlock> {
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
    lines.push({
      number,
      ...(length > MAX_LINE_BYTES ? { text: null, fault: 'TOO_LONG' as const } : decodedLine(pieces, number)),
    });
    pieces = [];
    length = 0;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
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

function decodedLine(
  pieces: readonly Uint8Array[],
  number: number,
): { text: string } | { text: null; fault: LineFault } {
  const bytes = Buffer.concat(pieces);
  if (!isUtf8(bytes) || bytes.includes(0)) return { text: null, fault: 'ENCODING' };
  const text = bytes.toString('utf8').replace(/\r$/, '');
  if (text.includes('\r')) return { text: null, fault: 'LINE_BREAK' };
  return { text: number === 1 ? text.replace(/^\uFEFF/, '') : text };
}
