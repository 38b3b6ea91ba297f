/** The raw primary key values of one row, in the order of the table's key columns. */
export type Key = readonly unknown[];

/**
 * Returns a text that is equal for equal keys, whether their parts came as numbers, bigints, strings, dates or buffers.
 */
export function hashOf(key: Key): string {
  return JSON.stringify(key.map(textOf));
}

/** Compares two keys for ascending order, part by part: numbers by value, everything else by code unit. */
export function compareKeys(a: Key, b: Key): number {
  for (const [index, left] of a.entries()) {
    const order = compareParts(left, b[index]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Returns true for a key that is a single whole number, which the database sorts as JavaScript does. */
export function isNumeric(key: Key): boolean {
  return key.length === 1 && /^-?\d+$/.test(textOf(key[0]));
}

function compareParts(left: unknown, right: unknown): number {
  const [a, b] = [textOf(left), textOf(right)];
  if (isNumeric([left]) && isNumeric([right])) {
    const difference = BigInt(a) - BigInt(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

function textOf(part: unknown): string {
  if (part instanceof Uint8Array) return `0x${Buffer.from(part).toString('hex')}`;
  if (part instanceof Date) return part.toISOString();
  return String(part);
}
