import { randomUUID } from 'node:crypto';

/**
 * The key of a user, a course or an enrollment, and all that is decided about keys: what they are, how a text names one,
 * and their order. Keys are numbers; in another application's database they may be UUIDs. Such a key is the text that
 * the database has, in small letters, so that it needs no translation on its way; where the database has bytes, their
 * digits with a mark, see BYTES.
 */
export type Key = number | string;

/**
 * What the keys of a table are: numbers, or UUIDs as values of the database's own type (`uuid`), as texts of 36
 * characters (`uuid-text`), as texts of 32 digits without hyphens (`uuid-hex`), or in 16 bytes (`uuid-binary`).
 */
export const keyForms = ['number', 'uuid', 'uuid-text', 'uuid-hex', 'uuid-binary'] as const;

/** What the keys of a table are. */
export type KeyForm = (typeof keyForms)[number];

/** Returns what the keys of a form are, in words. */
export function keysAre(form: KeyForm): string {
  return form === 'number' ? `whole numbers from 1 to ${Number.MAX_SAFE_INTEGER}` : 'UUIDs';
}

/** Returns the key that a text names; null: it names none. A UUID may have capital letters, and no hyphens. */
export function keyIn(text: string, form: KeyForm): Key | null {
  return form === 'number' ? numberIn(text) : uuidIn(text, form);
}

/** Returns the number that a text names as the key of a row; null: it names none. */
export function numberIn(text: string): number | null {
  const key = Number(text);
  return /^[1-9]\d*$/.test(text) && Number.isSafeInteger(key) ? key : null;
}

const UUID = /^[\da-f]{8}-?[\da-f]{4}-?[\da-f]{4}-?[\da-f]{4}-?[\da-f]{12}$/i;
const HEX = /^[\da-f]{32}$/;

/**
 * The mark before the digits of a key that is bytes. It is half a character, which no database and no valid text of a
 * request has. So a value with it is a key, wherever it comes by, and keys have the order of their bytes.
 */
const BYTES = '\uD800';
const MARKED = /\uD800((?:[\da-f]{2})*)/;
const ALL_MARKED = new RegExp(MARKED, 'g');
const ONLY_MARKED = new RegExp(`^${MARKED.source}$`);

/** Returns the key of bytes. */
export function keyOfBytes(bytes: Uint8Array): Key {
  return BYTES + Buffer.from(bytes).toString('hex');
}

/** Returns a value as a database takes it: bytes for a key of bytes. */
export function storedKey(value: unknown): unknown {
  return typeof value === 'string' && value.startsWith(BYTES) && ONLY_MARKED.test(value)
    ? Buffer.from(value.slice(BYTES.length), 'hex')
    : value;
}

/** Returns a key as a column of texts has it: the digits alone of one that is bytes. */
export function keyText(key: Key): string {
  return typeof key === 'string' && key.startsWith(BYTES) ? key.slice(BYTES.length) : String(key);
}

/** Returns the key of a form from such a text. */
export function keyOfText(text: string, form: KeyForm): Key {
  return form === 'number' ? Number(text) : form === 'uuid-binary' ? BYTES + text : text;
}

/** Returns a text, such as a message of the engine, with the keys in it as people see them. */
export function shownKeysIn(text: string): string {
  return text.replaceAll(ALL_MARKED, key => String(shownKey(key)));
}

/** Returns the UUID that a text is, in small letters and as keys of a form have it; null: it is none. */
export function uuidIn(text: string, form: Exclude<KeyForm, 'number'> = 'uuid-text'): string | null {
  if (!UUID.test(text)) return null;
  const digits = text.replaceAll('-', '').toLowerCase();
  if (form === 'uuid-binary') return BYTES + digits;
  return form === 'uuid-hex' ? digits : hyphenated(digits);
}

/** Returns a new UUID (version 4) for a row of ours. */
export function newUuid(form: Exclude<KeyForm, 'number'>): string {
  return uuidIn(randomUUID(), form)!;
}

/** Returns whether keys of a form are as they are shown. */
export function isAsShown(form: KeyForm): boolean {
  return form !== 'uuid-hex' && form !== 'uuid-binary';
}

/** Returns a key as it is shown to people and programs: a UUID with its hyphens. */
export function shownKey(key: Key): Key {
  if (typeof key === 'number') return key;
  const text = keyText(key);
  return HEX.test(text) ? hyphenated(text) : text;
}

function hyphenated(digits: string): string {
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  );
}

/**
 * Returns whether a value is a key that a table of a form can have. Where keys are texts or bytes, the other application may
 * add one that is no UUID, which no request can name; but it is in lists.
 */
export function isKey(value: unknown, form: KeyForm): value is Key {
  if (form === 'number') return Number.isSafeInteger(value) && (value as number) > 0;
  if (typeof value !== 'string') return false;
  if (form === 'uuid-binary') return ONLY_MARKED.test(value);
  return form === 'uuid' ? uuidIn(value, form) === value : !value.includes('\0') && value.isWellFormed();
}

/** Compares two keys of a table for ascending order. */
export function compareKeys(one: Key, other: Key): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Returns keys in ascending order, each once. */
export function sortedKeys(keys: Iterable<Key>): Key[] {
  return [...new Set(keys)].toSorted(compareKeys);
}
