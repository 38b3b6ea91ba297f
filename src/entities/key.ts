import { randomUUID } from 'node:crypto';

/**
 * The key of a user, a course or an enrollment, and all that is decided about keys: what they are, how a text names one,
 * and their order. Keys are numbers; in another application's database they may be UUIDs. Such a key is the text that
 * the database has, in small letters, so that it needs no translation on its way.
 */
export type Key = number | string;

/**
 * What the keys of a table are: numbers, or UUIDs as values of the database's own type (`uuid`), as texts of 36
 * characters (`uuid-text`), or as texts of 32 digits without hyphens (`uuid-hex`).
 */
export const keyForms = ['number', 'uuid', 'uuid-text', 'uuid-hex'] as const;

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

/** Returns the UUID that a text is, in small letters and with its hyphens unless the form has none; null: it is none. */
export function uuidIn(text: string, form: Exclude<KeyForm, 'number'> = 'uuid-text'): string | null {
  if (!UUID.test(text)) return null;
  const digits = text.replaceAll('-', '').toLowerCase();
  return form === 'uuid-hex' ? digits : hyphenated(digits);
}

/** Returns a new UUID (version 4) for a row of ours. */
export function newUuid(form: Exclude<KeyForm, 'number'>): string {
  return uuidIn(randomUUID(), form)!;
}

/** Returns a key as it is shown to people and programs: a UUID with its hyphens. */
export function shownKey(key: Key): Key {
  return typeof key === 'string' && HEX.test(key) ? hyphenated(key) : key;
}

function hyphenated(digits: string): string {
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  );
}

/**
 * Returns whether a value is a key that a table of a form can have. Where keys are texts, the other application may add
 * one that is no UUID, which no request can name; but it is in lists.
 */
export function isKey(value: unknown, form: KeyForm): value is Key {
  if (form === 'number') return Number.isSafeInteger(value) && (value as number) > 0;
  if (typeof value !== 'string') return false;
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
