import { isAscii, isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';

/** The byte that ends a line: LF, also for CRLF, or a CR alone, as in files of old Macintoshes and some spreadsheets. */
export const LINE_BREAKS = { lf: 0x0a, cr: 0x0d } as const;

/** The most bytes that are looked at to recognize how a file is written. */
const HEAD_BYTES = 64 * 1024;

/** The bytes of a file as they are split into lines, and what reads a line of them. */
export interface ReadableText {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly lineBreak: (typeof LINE_BREAKS)[keyof typeof LINE_BREAKS];
  /** Returns the text of a line; null: it is no text in the file's encoding. */
  readonly decode: (line: Buffer, number: number) => string | null;
  /** Returns how many bytes of the file the chunks so far come from; null: they are the file's own. */
  readonly bytesRead: (() => number) | null;
}

/** Returns true for the name of an encoding that can be read, such as `utf-16le`, `latin1` or `cp850`. */
export function isEncoding(name: string): boolean {
  return iconv.encodingExists(name);
}

/**
 * Recognizes how text is written. UTF-16 and UTF-32 have a byte order mark, or zeros in their first characters. Of the
 * others, the first line with a character beyond ASCII decides between UTF-8 and Windows-1252, which has all of
 * Latin-1; that it is not UTF-8 is told to `onNote`, because it is a guess. Afterwards a line in the other encoding is
 * no text.
 *
 * The first line break decides which one ends a line.
 */
export async function readableText(
  chunks: AsyncIterable<Uint8Array>,
  encoding: string | undefined,
  onNote: (note: string, line: number) => void,
): Promise<ReadableText> {
  const source = await withHead(chunks, head => head.length >= 4);
  const wide = encoding ?? wideEncodingOf(source.head);
  if (wide === null || /^utf-?8$/i.test(wide)) {
    const text = await withHead(source.all, hasLineBreak);
    return {
      chunks: text.all,
      lineBreak: lineBreakIn(text.head),
      decode: wide === null ? recognizedDecoder(onNote) : line => (isText(line) ? line.toString('utf8') : null),
      bytesRead: null,
    };
  }
  let bytes = 0;
  const text = await withHead(
    inUtf8(source.all, wide, length => (bytes += length)),
    hasLineBreak,
  );
  return {
    chunks: text.all,
    lineBreak: lineBreakIn(text.head),
    // What the encoding does not know has become U+FFFD.
    decode: line => (line.includes(0) || line.includes('\uFFFD') ? null : line.toString('utf8')),
    bytesRead: () => bytes,
  };
}

function isText(line: Buffer): boolean {
  return isUtf8(line) && !line.includes(0);
}

/** Returns the encoding of wide characters that the first bytes show; null: none. */
function wideEncodingOf(head: Buffer): string | null {
  const [a = 1, b = 1, c = 1, d = 1] = head;
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? 'utf-32le' : 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return 'utf-32be';
  if (a !== 0 && b === 0 && c !== 0 && d === 0) return 'utf-16le';
  return a === 0 && b !== 0 && c === 0 && d !== 0 ? 'utf-16be' : null;
}

function recognizedDecoder(onNote: (note: string, line: number) => void): ReadableText['decode'] {
  let known: 'UTF-8' | 'Windows-1252' | null = null;
  return (line, number) => {
    if (line.includes(0)) return null;
    if (isAscii(line)) return line.toString('latin1');
    if (isUtf8(line)) {
      known ??= 'UTF-8';
      return known === 'UTF-8' ? line.toString('utf8') : null;
    }
    if (known === 'UTF-8') return null;
    const text = iconv.decode(line, 'windows-1252');
    // The bytes that Windows-1252 leaves free.
    if (/[\u0080-\u009f\uFFFD]/.test(text)) return null;
    if (known === null)
      onNote('the line is not UTF-8, so the file is read as Windows-1252 (Latin-1); --encoding names another.', number);
    known = 'Windows-1252';
    return text;
  };
}

function hasLineBreak(head: Buffer): boolean {
  const first = firstBreakIn(head);
  return head.length >= HEAD_BYTES || (first >= 0 && first < head.length - 1);
}

function firstBreakIn(head: Buffer): number {
  return head.findIndex(byte => byte === LINE_BREAKS.lf || byte === LINE_BREAKS.cr);
}

function lineBreakIn(head: Buffer): ReadableText['lineBreak'] {
  const first = firstBreakIn(head);
  return head[first] === LINE_BREAKS.cr && head[first + 1] !== LINE_BREAKS.lf ? LINE_BREAKS.cr : LINE_BREAKS.lf;
}

async function* inUtf8(
  chunks: AsyncIterable<Uint8Array>,
  encoding: string,
  onRead: (length: number) => void,
): AsyncGenerator<Uint8Array> {
  const decoder = iconv.getDecoder(encoding);
  let half = '';
  for await (const chunk of chunks) {
    onRead(chunk.length);
    const text = half + decoder.write(Buffer.from(chunk));
    // The decoder may end a piece between the two units of a character.
    half = /[\ud800-\udbff]$/.exec(text)?.[0] ?? '';
    yield Buffer.from(text.slice(0, text.length - half.length));
  }
  yield Buffer.from(half + (decoder.end() ?? ''));
}

/** Reads the first bytes until they are enough, or all; `all` has them once more, and the rest. */
async function withHead(
  chunks: AsyncIterable<Uint8Array>,
  isEnough: (head: Buffer) => boolean,
): Promise<{ head: Buffer; all: AsyncGenerator<Uint8Array> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let head: Buffer = Buffer.alloc(0);
  while (!isEnough(head)) {
    const next = await iterator.next();
    if (next.done) break;
    first.push(next.value);
    head = Buffer.concat([head, next.value]);
  }
  return { head, all: continued(first, iterator) };
}

async function* continued(first: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* first;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
