/**
 * The key of a user, a course or an enrollment, and all that is decided about keys: what they are, how a text names one,
 * and their order.
 */
export type Key = number;

/** What keys are, in words. */
export const KEYS_ARE = `whole numbers from 1 to ${Number.MAX_SAFE_INTEGER}`;

/** Returns the key that a text names; null: it names none. */
export function keyIn(text: string): Key | null {
  const key = Number(text);
  return /^[1-9]\d*$/.test(text) && Number.isSafeInteger(key) ? key : null;
}

/** Returns whether a value is a key. */
export function isKey(value: unknown): value is Key {
  return Number.isSafeInteger(value) && (value as Key) > 0;
}

/** Compares two keys for ascending order, in which the database has them too. */
export function compareKeys(one: Key, other: Key): number {
  return one - other;
}

/** Returns keys in ascending order, each once. */
export function sortedKeys(keys: Iterable<Key>): Key[] {
  return [...new Set(keys)].toSorted(compareKeys);
}
