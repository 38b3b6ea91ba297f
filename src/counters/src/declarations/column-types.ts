// What a column's type, as MikroORM has it, says about the values that the column stores as they are given.

/** The bounds of MySQL's whole numbers; those of SQLite hold more, which a declaration for all databases cannot use. */
const INTEGER_BITS: Readonly<Record<string, bigint>> = { tiny: 8n, small: 16n, medium: 24n, '': 32n, big: 64n };

/** The most characters that a TINYTEXT and a TEXT hold, whatever their bytes. */
const MAX_TINYTEXT = 63;
const MAX_TEXT = 16_383;

/** The highest number all of whose digits a FLOAT shows. */
const MAX_FLOAT = 999_999n;

/** The lowest and the highest whole number that a column stores exactly. */
export interface Bounds {
  readonly lowest: bigint;
  readonly highest: bigint;
}

/** Returns the bounds of a column of whole numbers; undefined for a column of another type. */
export function integerBounds(type: string): Bounds | undefined {
  const [found, size = ''] = /^(tiny|small|medium|big)?(?:int(?:eger)?|serial)\b/i.exec(type) ?? [];
  if (found === undefined) return undefined;
  // SQLite's type, which has no other size.
  const bits = /^integer\b/i.test(type) ? 64n : INTEGER_BITS[size.toLowerCase()]!;
  return /\bunsigned\b/i.test(type)
    ? { lowest: 0n, highest: 2n ** bits - 1n }
    : { lowest: -(2n ** (bits - 1n)), highest: 2n ** (bits - 1n) - 1n };
}

/** Returns the bounds of the whole numbers that a column of any type for numbers stores exactly. */
export function wholeBounds(type: string): Bounds {
  const integers = integerBounds(type);
  if (integers) return integers;
  const decimals = decimalDigits(type);
  const highest = decimals
    ? 10n ** BigInt(decimals.whole) - 1n
    : /^(?:float|real)\b/i.test(type)
      ? MAX_FLOAT
      : BigInt(Number.MAX_SAFE_INTEGER);
  return { lowest: -highest, highest };
}

/** Returns true for a number that a column stores as the double that it is. */
export function isDouble(type: string, value: number): boolean {
  return Number.isFinite(value) && /^double\b/i.test(type);
}

/** Returns how many digits a decimal has before and after the point; undefined for a column of another type. */
export function decimalDigits(type: string): { whole: number; fraction: number } | undefined {
  const [found, precision = '10', scale = '0'] =
    /^(?:decimal|numeric|dec|fixed)\b\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?/i.exec(type) ?? [];
  return found === undefined ? undefined : { whole: Number(precision) - Number(scale), fraction: Number(scale) };
}

/** Returns how many characters a column of texts certainly stores; undefined for a column of another type. */
export function textLength(type: string): number | undefined {
  const [found, length] = /^(?:n?(?:var)?char|character(?: varying)?)\b\s*(?:\(\s*(\d+)\s*\))?/i.exec(type) ?? [];
  if (found !== undefined) return Number(length ?? (/var/i.test(found) ? 255 : 1));
  if (/^tinytext\b/i.test(type)) return MAX_TINYTEXT;
  return /^(?:medium|long)?text\b/i.test(type) ? MAX_TEXT : undefined;
}

/** Returns true for a column that fills its texts up with spaces, or reads them without those at their end. */
export function isPadded(type: string): boolean {
  return /^(?:n?char|character(?! varying))\b/i.test(type);
}
