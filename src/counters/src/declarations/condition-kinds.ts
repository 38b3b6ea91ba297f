import { BigIntType, DateType, DecimalType, DoubleType, type EntityProperty, type Platform } from '@mikro-orm/core';
import type { ConditionSql } from '../sql/dialects/dialect.js';
import { decimalDigits, integerBounds, isDouble, isPadded, textLength, wholeBounds } from './column-types.js';

/** A value in the form in which it is compared; equal values have equal forms. */
export type Comparable = string | number | bigint | boolean;

/** A comparison of a value that is not null. */
export type Operator = 'in' | 'notIn' | '<' | '<=' | '>' | '>=';

/**
 * How the values of one property are compared: in memory and, with the same outcome for every value, in SQL.
 *
 * Both are beside each other in one kind. A value that is nothing of the kind, such as a text that SQLite keeps in a
 * column of numbers, meets no comparison.
 */
export interface Kind {
  /** What a condition may compare with, for people. */
  readonly takes: string;
  /** Why the values have no order; undefined where they have one. */
  readonly unordered?: string;
  /** Returns why a condition cannot compare with a value; undefined where it can. */
  readonly problem: (value: unknown) => string | undefined;
  /** Returns a value of a condition, an entity, a payload or a row in the form in which it is compared. */
  readonly normal: (value: unknown) => Comparable | undefined;
  /** Returns a number below, equal to or above zero for two forms, as the first is before or after the second. */
  readonly compare: (a: Comparable, b: Comparable) => number;
  /** Returns true for a value that the database will store as memory has it. */
  readonly isForeseeable: (value: unknown) => boolean;
  /** Returns the SQL condition on a column for values of the condition; it is not true where the column is null. */
  readonly sql: (name: string, operator: Operator, values: readonly unknown[]) => string;
}

/** The database on which values are compared. */
export interface Comparing {
  readonly conditions: ConditionSql;
  readonly platform: Platform;
}

/** The most digits of a decimal of which a double, as which SQLite stores it, keeps each. */
const MAX_DECIMAL_DIGITS = 15;

const DAY = /^\d{4}-\d\d-\d\d$/;

/** Returns how a property's values are compared, or why they cannot be. */
export function kindOf(property: EntityProperty, comparing: Comparing): Kind | string {
  if (property.targetMeta && property.kind !== 'embedded') return kindOfKey(property, comparing);
  const { customType, items, runtimeType } = property;
  const type = property.columnTypes?.[0] ?? '';
  if (customType && ![BigIntType, DecimalType, DoubleType, DateType].some(own => customType instanceof own))
    return 'has a type of its own, whose values only null can be told from';
  const { addsBlanks } = comparing.conditions;
  if ((items?.length || ['string', 'String'].includes(runtimeType)) && addsBlanks(type))
    return `has the type ${type}, which adds blanks to its values; use varchar or text, or compare with null only`;
  if (items?.length) return enumKind(items, comparing);
  switch (runtimeType) {
    case 'boolean':
    case 'Boolean':
      return booleanKind(comparing);
    case 'number':
    case 'Number':
      return numberKind(type, comparing);
    case 'Date':
      return dateKind(type, comparing);
    default:
  }
  const bounds = integerBounds(type);
  if (customType instanceof BigIntType && bounds) return bigintKind(type, comparing);
  if (customType instanceof DecimalType && decimalDigits(type)) return decimalKind(type, comparing);
  if (customType instanceof DateType && /^date$/i.test(type)) return dayKind(comparing);
  if (!customType && ['string', 'String'].includes(runtimeType) && textLength(type) !== undefined)
    return textKind(type, comparing);
  return `has the type ${property.type}, whose values only null can be told from`;
}

/** Returns how the keys of a relation are compared: as the target's own. */
function kindOfKey(property: EntityProperty, comparing: Comparing): Kind | string {
  const keys = property.targetMeta!.getPrimaryProps();
  if (keys.length !== 1 || property.fieldNames.length !== 1)
    return 'is a relation with several columns, of which only null can be told';
  if (!['restrict', 'no action'].includes(property.updateRule?.toLowerCase() ?? ''))
    return `is a relation whose key the database changes by itself (updateRule "${property.updateRule}"); declare it with updateRule: 'restrict'`;
  return kindOf(keys[0]!, comparing);
}

function booleanKind({ conditions }: Comparing): Kind {
  return {
    takes: 'true or false',
    unordered: 'true and false have no order',
    problem: value => (typeof value === 'boolean' ? undefined : 'the property is a boolean'),
    normal: value => (isScalar(value) ? Boolean(Number(value)) : undefined),
    compare: inOrder,
    isForeseeable: value => typeof value === 'boolean',
    sql(name, operator, values) {
      const accepted = [true, false].filter(value => values.includes(value) === (operator === 'in'));
      return any(accepted.map(value => (value ? conditions.isTrue(name) : conditions.isFalse(name))));
    },
  };
}

/** Returns how the values of an enumeration are compared. */
export function enumKind(items: readonly unknown[], { conditions }: Comparing): Kind {
  const normal = (value: unknown): string | undefined => textOf(value);
  return {
    takes: items.map(item => JSON.stringify(item)).join(', '),
    unordered: 'the values of an enumeration have no order',
    problem: value =>
      items.includes(value) ? undefined : `the enumeration does not have the value ${JSON.stringify(value)}`,
    normal,
    compare: inOrder,
    isForeseeable: value =>
      (typeof value === 'string' || typeof value === 'number') && items.map(String).includes(String(value)),
    sql: (name, operator, values) => textsSql(conditions, name, operator, values.map(String)),
  };
}

function textKind(type: string, { conditions }: Comparing): Kind {
  const isStored = (value: string): boolean =>
    value.isWellFormed() && value.length <= textLength(type)! && !(isPadded(type) && value.endsWith(' '));
  return {
    takes: 'a text that the column can hold',
    problem(value) {
      if (typeof value !== 'string') return 'the property is a text';
      return isStored(value) && !value.includes('\0') ? undefined : `a column of the type ${type} does not hold it`;
    },
    normal: textOf,
    compare: inOrderOfBytes,
    isForeseeable: value => typeof value === 'string' && isStored(value),
    sql: (name, operator, values) => textsSql(conditions, name, operator, values as string[]),
  };
}

function numberKind(type: string, { conditions }: Comparing): Kind {
  const { lowest, highest } = wholeBounds(type);
  const isWithin = (value: number): boolean => value >= Number(lowest) && value <= Number(highest);
  const digits = decimalDigits(type);
  const normal = (value: unknown): number | undefined => {
    if (typeof value === 'string') return numericText.test(value) ? Number(value) : undefined;
    // NaN is no number to compare with.
    return isScalar(value) && !Number.isNaN(Number(value)) ? Number(value) + 0 : undefined;
  };
  return {
    takes: integerBounds(type) ? 'a whole number that the column can hold' : 'a number that the column can hold',
    problem(value) {
      if (typeof value !== 'number') return 'the property is a number';
      if (!Number.isFinite(value)) return 'no row has it';
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) return 'it is beyond 2^53 − 1 and not exact';
      if (integerBounds(type) && !Number.isInteger(value)) return `a column of the type ${type} holds whole numbers`;
      if (digits && !fits(decimalOf(value)!, type)) return `a column of the type ${type} does not hold it`;
      return !integerBounds(type) || isWithin(value) ? undefined : `it is out of the range of the type ${type}`;
    },
    normal,
    compare: inOrder,
    isForeseeable(value) {
      const number = normal(value);
      if (number === undefined) return false;
      return Number.isSafeInteger(number) ? isWithin(number) : typeof value === 'number' && isDouble(type, value);
    },
    sql: (name, operator, values) =>
      orderedSql(
        conditions.number(name, type),
        operator,
        values.map(value => String(normal(value))),
      ),
  };
}

function bigintKind(type: string, { conditions }: Comparing): Kind {
  const { lowest, highest } = integerBounds(type)!;
  const normal = (value: unknown): bigint | undefined =>
    isScalar(value) && /^-?\d+$/.test(String(value)) ? BigInt(value) : undefined;
  const isWithin = (value: bigint | undefined): boolean => value !== undefined && value >= lowest && value <= highest;
  return {
    takes: 'a whole number that the column can hold, as a bigint or a text',
    problem(value) {
      if (typeof value === 'number' && !Number.isSafeInteger(value)) return 'it is not an exact whole number';
      if (typeof value === 'boolean' || normal(value) === undefined) return 'the property is a whole number';
      return isWithin(normal(value)) ? undefined : `it is out of the range of the type ${type}`;
    },
    normal,
    compare: inOrder,
    isForeseeable: value => typeof value !== 'boolean' && isWithin(normal(value)),
    sql: (name, operator, values) =>
      orderedSql(
        conditions.exact(name, type),
        operator,
        values.map(value => String(normal(value))),
      ),
  };
}

function decimalKind(type: string, { conditions }: Comparing): Kind {
  const isExact = (value: string): boolean => significantDigits(value) <= MAX_DECIMAL_DIGITS && fits(value, type);
  return {
    takes: 'a decimal as a text, such as "12.50"',
    problem(value) {
      const decimal = typeof value === 'string' ? decimalOf(value) : undefined;
      if (decimal === undefined) return 'the property is a decimal, which is a text';
      if (!fits(decimal, type)) return `a column of the type ${type} does not hold it`;
      return isExact(decimal)
        ? undefined
        : `it has more than ${MAX_DECIMAL_DIGITS} digits, which SQLite does not keep exactly`;
    },
    normal: value => (isScalar(value) && typeof value !== 'boolean' ? decimalOf(value) : undefined),
    compare: (a, b) => compareDecimals(String(a), String(b)),
    isForeseeable(value) {
      const decimal = isScalar(value) && typeof value !== 'boolean' ? decimalOf(value) : undefined;
      return decimal !== undefined && isExact(decimal);
    },
    sql: (name, operator, values) =>
      orderedSql(
        conditions.exact(name, type),
        operator,
        values.map(value => decimalOf(value as string)!),
      ),
  };
}

function dateKind(type: string, { conditions, platform }: Comparing): Kind | string {
  const { dates } = conditions;
  const digits = dates.digits(type);
  if (digits === undefined)
    return `has the type ${type}, whose values depend on the session; use ${dates.type}, or compare with null only`;
  if (!platform.getTimezone())
    return 'is a date, and the ORM has no timezone, so only null can be told; set timezone or forceUtcTimezone';
  const unit = 10 ** Math.max(0, 3 - digits);
  const isStored = (value: Date): boolean =>
    value.getTime() % unit === 0 && value.getUTCFullYear() > 1000 && value.getUTCFullYear() < 9999;
  return {
    takes: 'a Date',
    problem(value) {
      if (!(value instanceof Date)) return 'the property is a date';
      if (Number.isNaN(value.getTime())) return 'it is not a valid date';
      return isStored(value) ? undefined : `a column of the type ${type} rounds it or does not hold it`;
    },
    normal: value => dates.stored(platform, value),
    compare: inOrder,
    isForeseeable: value =>
      value instanceof Date ? isStored(value) : Number.isSafeInteger(dates.stored(platform, value)),
    sql: (name, operator, values) =>
      orderedSql(
        conditions.exact(name, type),
        operator,
        values.map(value => dates.literal(platform, value as Date)),
      ),
  };
}

function dayKind({ conditions }: Comparing): Kind {
  const normal = (value: unknown): string | undefined =>
    typeof value === 'string' && DAY.test(value) ? value : undefined;
  const isDay = (value: unknown): boolean => {
    const date = new Date(`${normal(value)}T00:00:00Z`);
    return (
      !Number.isNaN(date.getTime()) && date.toISOString().startsWith(String(value)) && date.getUTCFullYear() > 1000
    );
  };
  return {
    takes: 'a day as a text, such as "2024-12-31"',
    problem: value => (isDay(value) ? undefined : 'the property is a day'),
    normal,
    compare: inOrder,
    isForeseeable: isDay,
    sql: (name, operator, values) =>
      orderedSql(
        conditions.day(name),
        operator,
        values.map(value => conditions.dayLiteral(value as string)),
      ),
  };
}

const numericText = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;

function orderedSql(column: string, operator: Operator, literals: readonly string[]): string {
  if (operator === 'in' || operator === 'notIn')
    return `${column} ${operator === 'in' ? 'in' : 'not in'} (${literals.join(', ')})`;
  return `${column} ${operator} ${literals[0]}`;
}

function textsSql({ text }: ConditionSql, name: string, operator: Operator, texts: readonly string[]): string {
  if (operator !== 'in' && operator !== 'notIn') return `${text.of(name)} ${operator} ${text.literal(texts[0]!)}`;
  const equal = any(texts.map(one => `${text.of(name)} = ${text.literal(one)}`));
  return operator === 'in' ? equal : `not ${equal}`;
}

/** Returns the condition that one of some conditions is true; one without any is never true. */
function any(conditions: readonly string[]): string {
  return conditions.length === 0 ? '1 = 0' : `(${conditions.join(' or ')})`;
}

function inOrder(a: Comparable, b: Comparable): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Compares texts by their bytes in UTF-8, where JavaScript compares them by halves of some characters. */
function inOrderOfBytes(a: Comparable, b: Comparable): number {
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}

/** Returns a value as the text that a column of texts holds. */
function textOf(value: unknown): string | undefined {
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  return isScalar(value) ? String(value) : undefined;
}

function isScalar(value: unknown): value is string | number | bigint | boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
}

/** Returns a decimal in its shortest form: "1.50" and 1.5 are "1.5". */
function decimalOf(value: string | number | bigint): string | undefined {
  const [found, sign = '', before = '', after = '', exponent = '0'] =
    /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d{1,3}))?$/i.exec(String(value)) ?? [];
  if (found === undefined || before + after === '') return undefined;
  const point = before.length + Number(exponent);
  const digits = '0'.repeat(Math.max(0, -point)) + (before + after).padEnd(point, '0');
  const whole = digits.slice(0, Math.max(0, point)).replace(/^0+/, '') || '0';
  const fraction = digits.slice(Math.max(0, point)).replace(/0+$/, '');
  const text = fraction === '' ? whole : `${whole}.${fraction}`;
  return sign === '-' && text !== '0' ? `-${text}` : text;
}

function compareDecimals(a: string, b: string): number {
  const [left, right] = [a, b].map(text => text.split('.'));
  const scale = Math.max(left![1]?.length ?? 0, right![1]?.length ?? 0);
  const scaled = ([whole = '', fraction = '']: readonly string[]): bigint =>
    BigInt(whole + fraction.padEnd(scale, '0'));
  return inOrder(scaled(left!), scaled(right!));
}

function significantDigits(decimal: string): number {
  return decimal.replaceAll(/[-.]/g, '').replaceAll(/^0+|0+$/g, '').length;
}

/** Returns true for a decimal in its shortest form that a column stores without rounding it. */
function fits(decimal: string, type: string): boolean {
  const [whole = '', fraction = ''] = decimal.replace('-', '').split('.');
  const digits = decimalDigits(type)!;
  return (whole === '0' || whole.length <= digits.whole) && fraction.length <= digits.fraction;
}
