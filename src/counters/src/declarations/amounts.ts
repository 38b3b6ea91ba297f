import { ReferenceKind, type EntityMetadata, type EntityProperty, type Platform } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { SumSql } from '../sql/dialects/dialect.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { exactNumber, safeNumber } from '../sql/exact-number.js';
import { quoted } from '../sql/fragments.js';
import { decimalText, unitsOf, unitsOfOne, type CountValue, type ExactColumn } from '../sql/units.js';
import { decimalDigits, integerBounds } from './column-types.js';
import { conditionSql, meets, problemOf, testOf, type AmountTest, type Condition, type Values } from './condition.js';
import type { Counter } from './define-counter.js';

// What a row adds to a stored count: 1, or the value of a column, if it meets the condition. All arithmetic is of bigints
// in units of the stored column, so that nothing is rounded.

/** The most digits of a decimal of which JavaScript's numbers, and SQLite's, keep each. */
const MAX_DOUBLE_DIGITS = 15;

/** The column that stores a count or a sum. */
interface StoredColumn extends ExactColumn {
  readonly property: EntityProperty;
  readonly name: string;
  /** The table and the column, for people. */
  readonly place: string;
}

/** What the rows of a counter add to its stored count. */
export interface Amount {
  readonly into: StoredColumn;
  /** The property whose values are added up, and its column; undefined: each row counts 1. */
  readonly of?: { readonly test: AmountTest; readonly column: string; readonly type: string };
  /** True where a sum below zero is none of the errors that a write past the counters causes. */
  readonly mayBeNegative: boolean;
  readonly sums: SumSql;
  readonly platform: Platform;
}

/** A counter as far as amounts need it. */
interface Summing {
  readonly condition: Condition;
  readonly amount: Amount;
}

/** Returns what a row with some values adds to a stored count, in its units. */
export function amountIn({ condition, amount: { of, into, sums } }: Summing, values: Values): bigint {
  if (!meets(condition, values)) return 0n;
  return of ? sums.amountOf(values[of.test.property], into.scale) : 1n;
}

/** Returns the SQL of the same amount; `row` goes before each column. */
export function amountSql(em: SqlEntityManager, { condition, amount }: Summing, row = ''): string {
  const { of, into, sums } = amount;
  const one = of ? sums.amount(`${row}${quoted(em, of.column)}`, { type: of.type, scale: into.scale }) : '1';
  return condition.tests.length === 0 ? one : `(case when ${conditionSql(em, condition, row)} then ${one} else 0 end)`;
}

/** Returns the SQL that adds up the amounts of rows, to be read by unitsRead(). */
export function totalSql(em: SqlEntityManager, counter: Summing, row = ''): string {
  const { condition, amount } = counter;
  if (amount.of) return `coalesce(sum(${amountSql(em, counter, row)}), 0)`;
  return condition.tests.length === 0 ? 'count(*)' : `count(case when ${conditionSql(em, condition, row)} then 1 end)`;
}

/** Returns the SQL of a stored count as an amount, such as those that are added to it. */
export function numberSql(em: SqlEntityManager, { amount: { into, of, sums } }: Summing, row = ''): string {
  const name = `${row}${quoted(em, into.name)}`;
  return of ? sums.amount(name, into) : name;
}

/** Returns the SQL that reads a stored count under the name of its column, whose result unitsRead() takes. */
export function storedSql(em: SqlEntityManager, counter: Summing): string {
  const name = quoted(em, counter.amount.into.name);
  return counter.amount.of ? `${readableSql(em, numberSql(em, counter))} as ${name}` : name;
}

/** Returns an amount in SQL as a text, which no driver rounds. */
export function readableSql(em: SqlEntityManager, amount: string): string {
  return `cast(${amount} as ${dialectOf(em).textType})`;
}

/** Returns the units of a stored count as it was read. Errors: UnsafeNumberError. */
export function unitsRead({ amount: { into, of, sums } }: Summing, value: unknown): bigint {
  return of ? sums.unitsOf(String(value), into.scale) : BigInt(exactNumber(value, into.place));
}

/** Returns the SQL of a stored count after an addition or a subtraction, such as `+ 1`. */
export function changedSql(em: SqlEntityManager, { amount }: Summing, change: string): string {
  const { into, of, sums } = amount;
  const name = quoted(em, into.name);
  return of ? sums.plus(name, change, into) : `${name} ${change}`;
}

/** Returns an amount in SQL as the column of a stored count has it. */
export function assignedSql({ amount: { into, of, sums } }: Summing, amount: string): string {
  return of ? sums.stored(amount, into) : amount;
}

/** Returns an amount, given in units, in SQL. */
export function literalSql({ amount: { into, of, sums } }: Summing, units: bigint): string {
  return of ? sums.literal(units, into.scale) : String(units);
}

/** Returns units as the property of a stored count has them. Errors: UnsafeNumberError. */
export function valueOf({ amount: { into, sums, platform } }: Summing, units: bigint): CountValue {
  const { property, scale, place, digits } = into;
  // Counts, of which a verify reads many, without a text between.
  if (scale === 0 && digits === undefined && property.runtimeType === 'number') return safeNumber(units, place);
  const text = decimalText(units, scale);
  const read = digits === undefined ? text : sums.read(text);
  if (property.runtimeType === 'number') return digits === undefined ? exactNumber(read, place) : Number(read);
  return (property.customType?.convertToJSValue(read, platform) as CountValue | undefined) ?? read;
}

/** Returns units of one stored count in those of another, which has as many decimals or more. */
export function inUnitsOf(to: Summing, from: Summing, units: bigint): bigint {
  return units * unitsOfOne(to.amount.into.scale - from.amount.into.scale);
}

/** Returns a value of a stored count in units; undefined for what is no such value. */
export function unitsOfValue({ amount: { into } }: Summing, value: unknown): bigint | undefined {
  return unitsOf(value, into.scale);
}

/** Returns a value as MikroORM writes it, and as a loaded entity's snapshot has it. */
export function writtenValue({ amount: { into, platform } }: Summing, value: unknown): unknown {
  const { customType } = into.property;
  return customType ? customType.convertToDatabaseValue(value, platform) : value;
}

/** Returns what the rows of a counter add to its stored count, or why they cannot. */
export function amountFor(
  { into, sum }: Counter,
  stored: EntityProperty,
  counted: EntityMetadata,
  target: EntityMetadata,
  em: SqlEntityManager,
): Amount | string {
  const column = columnOf(stored);
  const { sums } = dialectOf(em);
  if (!column)
    return `"${into}" has the type ${stored.columnTypes?.[0] ?? stored.type}, to which nothing can be added exactly; give it the type "integer" or, for a sum, "decimal" or "bigint"`;
  const { digits = 0 } = column;
  if (digits > sums.maxDigits)
    return `"${into}" has ${digits} digits, of which this database keeps ${sums.maxDigits} exactly; give it no more`;
  if (stored.runtimeType === 'number' && digits > MAX_DOUBLE_DIGITS)
    return `"${into}" is a number in JavaScript, which has ${MAX_DOUBLE_DIGITS} of its ${digits} digits; let it be a text, or give it no more digits`;
  const name = stored.fieldNames[0]!;
  const described = { ...column, property: stored, name, place: `${target.tableName}.${name}` };
  const about = { into: described, sums, platform: em.getPlatform() };
  if (sum === undefined && column.scale > 0)
    return `"${into}" has ${column.scale} decimals, and a count has none; give it the type "integer"`;
  if (sum === undefined) return { ...about, mayBeNegative: false };
  const summed = counted.properties[sum as never] as EntityProperty | undefined;
  if (!summed || summed.kind !== ReferenceKind.SCALAR)
    return `${counted.className} has no column property "${sum}" to be summed`;
  const problem = problemOf(summed);
  if (problem) return `"${sum}" cannot be summed: ${problem}`;
  if (summed.hasConvertToDatabaseValueSQL || summed.hasConvertToJSValueSQL)
    return `"${sum}" has a type with SQL of its own, and what the column has is not known before; sum a plain column`;
  const of = columnOf(summed);
  if (!of)
    return `"${sum}" has the type ${summed.columnTypes[0] ?? summed.type}; only whole numbers and decimals can be summed exactly`;
  if (of.scale > column.scale)
    return `"${sum}" has ${of.scale} decimals and "${into}" has ${column.scale}, so that a sum would be rounded; give "${into}" as many`;
  // An INTEGER of SQLite stands for one of 32 bits; what is beyond is refused when it is added.
  const single = { ...of, type: of.type.replace(/^integer\b/i, 'int') };
  if (highest(summed, single, sums) > highest(stored, column, sums))
    return `"${into}" of the type ${column.type} is too small for a single "${sum}" of the type ${of.type}; give it a larger type`;
  // Else a row could be taken away before the one that makes up for it.
  if (stored.unsigned && !summed.unsigned)
    return `"${into}" is unsigned, and "${sum}" may be negative; declare "${into}" signed, or "${sum}" unsigned`;
  const test: AmountTest = { type: 'amount', ...testOf(summed), isForeseeable: value => isStoredAsGiven(value, of) };
  return {
    ...about,
    of: { test, column: summed.fieldNames[0]!, type: of.type },
    mayBeNegative: !stored.unsigned,
  };
}

/** Returns a column of whole numbers or decimals; undefined for any other. */
function columnOf({ columnTypes, items, runtimeType }: EntityProperty): ExactColumn | undefined {
  const type = columnTypes?.[0] ?? '';
  if (items?.length || !['number', 'bigint', 'string'].includes(runtimeType)) return undefined;
  const decimals = decimalDigits(type);
  if (decimals) return { type, scale: decimals.fraction, digits: decimals.whole + decimals.fraction };
  return integerBounds(type) && { type, scale: 0 };
}

/** Returns the highest whole number that a column holds, as far as the declaration says it. */
function highest({ unsigned }: EntityProperty, { type, scale, digits }: ExactColumn, { hasUnsigned }: SumSql): bigint {
  if (digits !== undefined) return 10n ** BigInt(digits - scale) - 1n;
  const isUnsigned = unsigned && hasUnsigned && !/\bunsigned\b/i.test(type);
  return integerBounds(isUnsigned ? `${type} unsigned` : type)!.highest;
}

/** Returns true for a number that a column stores as it is given. */
function isStoredAsGiven(value: unknown, { type, scale, digits }: ExactColumn): boolean {
  const units = typeof value === 'boolean' ? undefined : unitsOf(value, scale);
  if (units === undefined) return false;
  const size = units < 0n ? -units : units;
  // JavaScript and SQLite have decimals as doubles.
  if (digits !== undefined) return size < 10n ** BigInt(Math.min(digits, MAX_DOUBLE_DIGITS));
  const { lowest, highest: most } = integerBounds(type)!;
  return units >= lowest && units <= most;
}
