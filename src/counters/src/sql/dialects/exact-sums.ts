import { decimalText, unitsOf } from '../units.js';
import type { SumSql } from './dialect.js';

/** In what databases with exact decimals differ. */
interface Differences extends Pick<SumSql, 'hasUnsigned' | 'maxDigits'> {
  /** Returns a column of whole numbers or decimals, or null where it has none; `type` is the column's type. */
  readonly exact: (name: string, type: string) => string;
}

/** Returns how a database with exact decimals keeps sums: it has them as they are. */
export function exactSums({ hasUnsigned, maxDigits, exact }: Differences): SumSql {
  return {
    hasUnsigned,
    maxDigits,
    amount: (name, { type }) => `coalesce(${exact(name, type)}, 0)`,
    amountOf: (value, scale) => unitsOf(value, scale) ?? 0n,
    literal: (units, scale) => `(${decimalText(units, scale)})`,
    unitsOf: (text, scale) => unitsOf(text, scale)!,
    plus: (name, change) => `${name} ${change}`,
    stored: amount => amount,
    read: decimal => decimal,
  };
}
