// Exact numbers in memory: bigints, in units of the last of so many decimals. With two decimals, 12.50 is 1250n.

/** A stored count or sum as its property has it: a number, a bigint, or a whole number or decimal as a text. */
export type CountValue = number | bigint | string;

/** The most decimals that are looked for: as many as JavaScript's smallest number has. */
const MAX_DECIMALS = 400;

/** A column of exact numbers: how many digits it has before and after the point. */
export interface ExactColumn {
  /** The column's type. */
  readonly type: string;
  /** The number of decimals. */
  readonly scale: number;
  /** The number of all digits of a decimal; undefined for whole numbers, which bits limit. */
  readonly digits?: number;
}

/** Returns how many units a whole 1 has. */
export function unitsOfOne(scale: number): bigint {
  return 10n ** BigInt(scale);
}

/** Returns a number in units; undefined for what is no number, or has more decimals. */
export function unitsOf(value: unknown, scale: number): bigint | undefined {
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value)))
    return BigInt(value) * unitsOfOne(scale);
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const [found, sign = '', before = '', after = '', exponent = '0'] =
    /^\s*([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d{1,3}))?\s*$/i.exec(String(value)) ?? [];
  if (found === undefined || before + after === '') return undefined;
  const missing = scale - after.length + Number(exponent);
  const digits = before + after;
  const [kept, left] = missing < 0 ? [digits.slice(0, missing), digits.slice(missing)] : [digits, ''];
  if (/[1-9]/.test(left)) return undefined;
  const units = BigInt(kept || '0') * unitsOfOne(Math.max(0, missing));
  return sign === '-' ? -units : units;
}

/** Returns a number less another one, exactly, and in the form of the first. */
export function exactDifference<Value extends CountValue>(minuend: Value, subtrahend: Value): Value {
  const scale = Math.max(decimalsOf(minuend), decimalsOf(subtrahend));
  const difference = decimalText(unitsOf(minuend, scale)! - unitsOf(subtrahend, scale)!, scale);
  const made = { number: Number, bigint: BigInt, string: String }[typeof minuend as 'number' | 'bigint' | 'string'];
  return made(difference) as Value;
}

/** Returns how many decimals a number has. Errors: a RangeError for what is none. */
function decimalsOf(value: unknown): number {
  let scale = 0;
  while (unitsOf(value, scale) === undefined)
    if (++scale > MAX_DECIMALS)
      throw new RangeError(`${String(value)} is not a number that can be subtracted exactly.`);
  return scale;
}

/** Returns units as a decimal with all of its decimals. */
export function decimalText(units: bigint, scale: number): string {
  if (scale === 0) return String(units);
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
