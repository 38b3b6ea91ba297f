import { promisify } from 'node:util';
import { brotliCompress, brotliCompressSync, constants, gzip, gzipSync, type BrotliOptions } from 'node:zlib';
import { MIN_COMPRESSED_BYTES } from '../answers/compress-and-tag.js';

/** The encodings of compressed answers, the preferred one first. */
const ENCODINGS = ['br', 'gzip'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** The largest answer that is compressed at once, in bytes; a larger one is compressed by another thread. */
const MAX_COMPRESSED_HERE_BYTES = 16_384;

/** The quality that the plugin for all other answers uses: the highest one takes a hundred times as long. */
const brotli: BrotliOptions = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

/**
 * Returns the encoding of an answer for an Accept-Encoding header; null: as it is. Undefined: the header states
 * preferences, which are left to the long way.
 */
export function encodingFor(accepted: string | undefined): Encoding | null | undefined {
  if (accepted === undefined) return null;
  if (/[;*]/.test(accepted)) return undefined;
  const names = accepted
    .toLowerCase()
    .split(',')
    .map(name => name.trim());
  return ENCODINGS.find(name => names.includes(name) || (name === 'gzip' && names.includes('x-gzip'))) ?? null;
}

/** Returns true if an answer of this size is worth compressing. */
export function isLarge(bytes: number): boolean {
  return bytes >= MIN_COMPRESSED_BYTES;
}

/** Returns a compressed answer. */
export function compressed(text: string, encoding: Encoding): Buffer | Promise<Buffer> {
  const bytes = Buffer.from(text);
  if (bytes.length > MAX_COMPRESSED_HERE_BYTES)
    return encoding === 'br' ? promisify(brotliCompress)(bytes, brotli) : promisify(gzip)(bytes);
  return encoding === 'br' ? brotliCompressSync(bytes, brotli) : gzipSync(bytes);
}
