import { BigIntType, DecimalType, DoubleType, isRaw, type EntityMetadata, type EntityProperty } from '@mikro-orm/core';
import type { ConditionValue, Counter } from './define-counter.js';
import { CounterError } from './errors.js';

/** Holds the raw values of one counted row, by property name. */
export type Values = Readonly<Record<string, unknown>>;

/** Compares one property of a counted row with the values that the condition accepts. */
export interface Comparison {
  readonly property: string;
  readonly column: string;
  readonly kind: 'boolean' | 'number' | 'enum';
  readonly accepted: readonly ConditionValue[];
  /** Holds the values of an enumeration; empty for other kinds. */
  readonly items: readonly string[];
  /** Tells whether the database gives a new row a value that memory does not know. */
  readonly defaulted: boolean;
}

/**
 * Gives the comparisons of a counter's condition.
 *
 * Free text is refused (COUNTER_DECLARATION): the database's collation would decide which rows are equal, and
 * JavaScript could not know. An enumeration's values are compared exactly on both sides.
 */
export function comparisonsOf(counter: Counter, counted: EntityMetadata): Comparison[] {
  return Object.entries(counter.where).map(([name, value]) => {
    const property = counted.properties[name as never] as EntityProperty | undefined;
    if (!property) throw declaration(counter, name, 'is not a property of the counted entity');
    const kind = kindOf(property);
    if (!kind) {
      throw declaration(counter, name, `has the type ${property.type}; use an enum, a number or a boolean`);
    }
    const accepted = (Array.isArray(value) ? value : [value]).map(one => normal(kind, one)!);
    const items = kind === 'enum' ? property.items!.map(String) : [];
    const unknown = accepted.find(one => kind === 'enum' && one !== null && !items.includes(String(one)));
    if (unknown !== undefined) throw declaration(counter, name, `does not have the value ${JSON.stringify(unknown)}`);
    return { property: name, column: property.fieldNames[0]!, kind, accepted, items, defaulted: isDefaulted(property) };
  });
}

/** Tells whether a row with these values is counted; values may come from an entity or raw from the database. */
export function meets(comparisons: readonly Comparison[], values: Values): boolean {
  return comparisons.every(({ property, kind, accepted }) => accepted.includes(normal(kind, values[property])!));
}

/**
 * Tells whether the database will hold a value as memory has it.
 *
 * It will not know an SQL fragment's outcome, nor a value that some databases take in another form: MySQL stores an
 * enumeration's "ACTIVE" as "active", and 2.6 in a whole number's column as 3.
 */
export function isForeseeable({ kind, items, defaulted }: Comparison, value: unknown): boolean {
  if (value === undefined) return !defaulted;
  if (value === null) return true;
  if (kind === 'enum') return ['string', 'number'].includes(typeof value) && items.includes(String(value));
  return kind === 'boolean' ? typeof value === 'boolean' : Number.isInteger(normal(kind, value));
}

function kindOf(property: EntityProperty): Comparison['kind'] | undefined {
  // Without a column, or computed by the database, or in a form of its own, a value is not what a row is counted by.
  if (
    property.kind !== 'scalar' ||
    property.persist === false ||
    property.formula ||
    property.generated ||
    isOwnType(property)
  )
    return undefined;
  if (property.items?.length) return 'enum';
  if (['boolean', 'Boolean'].includes(property.runtimeType)) return 'boolean';
  return ['number', 'Number'].includes(property.runtimeType) ? 'number' : undefined;
}

function isOwnType({ customType }: EntityProperty): boolean {
  return customType !== undefined && ![BigIntType, DecimalType, DoubleType].some(type => customType instanceof type);
}

/** MikroORM gives new entities a plain default itself; an SQL one only the database knows. */
function isDefaulted(property: EntityProperty): boolean {
  return (
    ![undefined, 'null'].includes(property.defaultRaw) && (property.default === undefined || isRaw(property.default))
  );
}

/** Gives undefined for what is no plain value, such as an SQL fragment: it equals nothing. */
function normal(kind: Comparison['kind'], value: unknown): ConditionValue | undefined {
  if (value === null || value === undefined) return null;
  if (typeof value === 'object' || typeof value === 'symbol') return undefined;
  if (kind === 'enum') return String(value);
  return kind === 'boolean' ? Boolean(Number(value)) : Number(value);
}

function declaration(counter: Counter, property: string, problem: string): CounterError {
  return new CounterError(
    'COUNTER_DECLARATION',
    `The condition of the counter ${counter.counted.name}.${counter.by} → ${counter.into} names "${property}", which ${problem}.`,
  );
}
