const NEWLINE = 0x0a;
const LINES = 1000;
const BLOCK_BYTES = 1024 * 1024;

/** Limits the bytes of one line; a longer one is most often a missing line break. */
export const LONGEST_LINE = 64 * 1024;

/** Is one line of a file, without its line break; its text is null where it is too long. */
export interface Line {
  /** Counts from 1. */
  readonly number: number;
  readonly text: string | null;
}

/** Is some lines that follow each other, with the bytes read up to their end. */
export interface LineBlock {
  readonly lines: readonly Line[];
  readonly bytes: number;
}

/** Reads UTF-8 text as blocks of at most 1,000 lines, in constant memory; line breaks are LF or CRLF, a byte order mark is left out. */
export async function* lineBlocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<LineBlock> {
  let lines: Line[] = [];
  let [bytes, blockStart, number] = [0, 0, 0];
  let pieces: Uint8Array[] = [];
  let length = 0;
  const keep = (piece: Uint8Array): void => {
    length += piece.length;
    if (length > LONGEST_LINE) pieces = [];
    else pieces.push(piece);
  };
  const finish = (): void => {
    number += 1;
    lines.push({ number, text: length > LONGEST_LINE ? null : textOf(pieces, number) });
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
      if (lines.length < LINES && bytes - blockStart < BLOCK_BYTES) continue;
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

function textOf(pieces: readonly Uint8Array[], number: number): string {
  const text = Buffer.concat(pieces).toString('utf8').replace(/\r$/, '');
  return number === 1 ? text.replace(/^\uFEFF/, '') : text;
}
