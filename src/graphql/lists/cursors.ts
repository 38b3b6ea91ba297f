import { isKey, type Key, type KeyForm } from '../../entities/index.js';
import { crc32 } from 'node:zlib';
import { isStoredMoment, type Ordering, type Position } from '../../reading/index.js';
import { quotedText } from '../../use-cases/quoted-text.js';
import { badUserInput } from '../errors/errors.js';

/**
 * The check, for each order, whether a value can be in its column: a forged cursor must not reach the database.
 */
const isValueOf: Record<string, (value: string | number, keys: KeyForm) => boolean> = {
  ID: isKey,
  TITLE: value => typeof value === 'string' && !value.includes('\0'),
  TOTAL_ENROLLMENTS: Number.isSafeInteger,
  CREATED_AT: isStoredMoment,
  ENROLLED_AT: isStoredMoment,
};

/** A row with the value that its page is ordered by, if that is not the id. */
export type Sorted = { readonly id: Key; readonly sort?: string | number };

/**
 * Returns the cursor of a row in an ordering, which is opaque to callers. It begins with a checksum, so that an
 * incomplete or mistyped cursor is detected.
 */
export function cursorOf(row: Sorted, { list, field }: Ordering): string {
  const content = JSON.stringify([list, field, row.sort ?? row.id, row.id]);
  return Buffer.from(checksumOf(content) + content).toString('base64url');
}

/**
 * Returns the position of a cursor; null: there is no cursor. Errors: BAD_USER_INPUT for a malformed cursor, or one of
 * another list or order.
 */
export function positionOf(
  name: string,
  cursor: string | null | undefined,
  { list, field, keys = 'number' }: Ordering,
): Position | null {
  if (cursor == null) return null;
  const parts = cursor.length > MAX_CURSOR_CHARACTERS ? null : cursorParts(cursor, keys);
  if (parts && parts[0] !== list)
    throw badUserInput(
      name,
      `${quotedText(cursor)} is a cursor of the list ${quotedText(parts[0], 40)}, not of ${list}; take one of this list.`,
    );
  if (parts && parts[1] !== field)
    throw badUserInput(
      name,
      `${quotedText(cursor)} is a cursor of the order ${quotedText(parts[1], 40)}, not of ${field}; keep the order, or start again without a cursor.`,
    );
  if (!parts || !isValueOf[field]!(parts[2], keys))
    throw badUserInput(
      name,
      `${quotedText(cursor)} is not a cursor of this API; give one whole, as pageInfo or an edge has it.`,
    );
  return { value: parts[2], id: parts[3] };
}

function cursorParts(cursor: string, keys: KeyForm): [string, string, string | number, Key] | null {
  const bytes = Buffer.from(cursor, 'base64url');
  const content = bytes.subarray(CHECKSUM_LENGTH).toString();
  // Decoding ignores characters that are not base64.
  if (bytes.toString('base64url') !== cursor || bytes.subarray(0, CHECKSUM_LENGTH).toString() !== checksumOf(content))
    return null;
  const parts = parsed(content);
  if (!Array.isArray(parts) || parts.length !== 4) return null;
  const [list, field, value, id] = parts as unknown[];
  const sound =
    typeof list === 'string' &&
    typeof field === 'string' &&
    (typeof value === 'string' || Number.isSafeInteger(value)) &&
    isKey(id, keys);
  return sound ? [list, field, value as string | number, id] : null;
}

/** The most characters of a cursor that is decoded: several times those of a cursor with the longest title. */
const MAX_CURSOR_CHARACTERS = 20_000;

const CHECKSUM_LENGTH = 8;

function checksumOf(content: string): string {
  return crc32(content).toString(16).padStart(CHECKSUM_LENGTH, '0');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
