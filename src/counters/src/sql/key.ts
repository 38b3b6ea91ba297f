/** The raw primary key values of one row, in the order of the table's key columns. */
export type Key = readonly unknown[];

/**
 * Returns a text that is equal for equal keys, whether their parts came as numbers, bigints, strings, dates or buffers.
 */
export function hashOf(key: Key): string {
  const [part] = key;
  // The same text, at once: most keys are one number.
  if (key.length === 1 && typeof part === 'number') return `["${part}"]`;
  return JSON.stringify(key.map(textOf));
}

/** Returns keys without those that are equal to others of them. */
export function distinctKeys(keys: readonly Key[]): Key[] {
  return [...new Map(keys.map(key => [hashOf(key), key])).values()];
}

/** Compares two keys for ascending order, part by part: numbers by value, everything else by code unit. */
export function compareKeys(a: Key, b: Key): number {
  for (const [index, left] of a.entries()) {
    const order = compareParts(left, b[index]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareParts(left: unknown, right: unknown): number {
  const [a, b] = [textOf(left), textOf(right)];
  if (isWhole(a) && isWhole(b)) {
    const difference = BigInt(a) - BigInt(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Returns true for a key of whole numbers. */
export function isNumeric(key: Key): boolean {
  return key.every(part => isWhole(textOf(part)));
}

function isWhole(text: string): boolean {
  return /^-?\d+$/.test(text);
}

/** Returns true for two values that one text stands for. */
export function isSameValue(a: unknown, b: unknown): boolean {
  return textOf(a ?? null) === textOf(b ?? null);
}

/** Returns a value as drivers take it: they know bytes only as a Buffer, and some give them as another array. */
export function sendable(part: unknown): unknown {
  return part instanceof Uint8Array && !Buffer.isBuffer(part) ? Buffer.from(part) : part;
}

/** Returns a text that stands for a value, in whatever form it came. */
export function textOf(part: unknown): string {
  if (part instanceof Uint8Array) return `0x${Buffer.from(part).toString('hex')}`;
  if (part instanceof Date) return part.toISOString();
  if (typeof part === 'boolean') return part ? '1' : '0';
  return String(part);
}
