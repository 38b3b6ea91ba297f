import { BigIntType, DecimalType, DoubleType, isRaw, type EntityMetadata, type EntityProperty } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from '../errors.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { quoted } from '../sql/fragments.js';
import type { ConditionValue, Counter } from './define-counter.js';

/** The raw values of one counted row, by property name. */
export type Values = Readonly<Record<string, unknown>>;

/** A comparison of one property of a counted row with the values that the condition accepts. */
export interface Comparison {
  readonly property: string;
  readonly column: string;
  readonly kind: 'boolean' | 'number' | 'enum';
  readonly accepted: readonly ConditionValue[];
  /** The values of an enumeration; empty for other kinds. */
  readonly items: readonly string[];
  /** True where the database gives a new row a value that memory does not know. */
  readonly defaulted: boolean;
}

/**
 * Returns the comparisons of a counter's condition.
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

/**
 * Returns true for a row whose values meet the comparisons. The values may come from an entity or raw from the database.
 */
export function meets(comparisons: readonly Comparison[], values: Values): boolean {
  return comparisons.every(({ property, kind, accepted }) => accepted.includes(normal(kind, values[property])!));
}

/**
 * Returns the SQL condition for exactly those rows for which `meets()` returns true: hooks and verify must not count any
 * row differently, however its values came to be.
 *
 * So no collation decides: "Active" is not "active", nor is "active ". The values are the declaration's own and are
 * written into the SQL as numbers or as bytes. `row` goes before each column: `new.` in a trigger.
 */
export function conditionSql(
  em: SqlEntityManager,
  counted: EntityMetadata,
  comparisons: readonly Comparison[],
  row = '',
): string {
  return comparisons.length === 0
    ? '1 = 1'
    : comparisons.map(comparison => comparisonSql(em, counted, comparison, row)).join(' and ');
}

/**
 * Refuses a condition on an enumeration whose column adds blanks to the end of a text, so that the same row would meet it
 * in memory and not in the database (COUNTER_DECLARATION).
 */
export function refuseBlanks(
  em: SqlEntityManager,
  counter: string,
  counted: EntityMetadata,
  comparisons: readonly Comparison[],
): void {
  for (const { property, kind } of comparisons) {
    const [type = ''] = (counted.properties[property as never] as EntityProperty).columnTypes;
    if (kind !== 'enum' || !dialectOf(em).conditions.addsBlanks(type)) continue;
    throw new CounterError(
      'COUNTER_DECLARATION',
      `The condition of the counter ${counter} names "${property}", whose column of the type ${type} adds blanks to its values. Give it the type varchar or text.`,
    );
  }
}

function comparisonSql(
  em: SqlEntityManager,
  counted: EntityMetadata,
  { property, column, kind, accepted }: Comparison,
  row: string,
): string {
  const name = `${row}${quoted(em, column)}`;
  const values = accepted.filter(value => value !== null);
  const { conditions } = dialectOf(em);
  const cases = accepted.includes(null) ? [`${name} is null`] : [];
  if (kind === 'boolean')
    cases.push(...values.map(value => (value ? conditions.isTrue(name) : conditions.isFalse(name))));
  else if (kind === 'enum') cases.push(...values.map(value => conditions.isText(name, String(value))));
  else if (values.length > 0) {
    const type = (counted.properties[property as never] as EntityProperty).columnTypes[0] ?? '';
    cases.push(`${conditions.number(name, type)} in (${values.map(numberSql).join(', ')})`);
  }
  // A condition that accepts nothing counts nothing.
  return cases.length === 0 ? '1 = 0' : `(${cases.join(' or ')})`;
}

function numberSql(value: ConditionValue): string {
  return Number.isFinite(value) ? String(value) : 'null';
}

/**
 * Returns true for a value that the database will store as memory has it.
 *
 * Nobody can foresee what an SQL fragment gives, nor a value that some databases store in another form: MySQL stores an
 * enumeration's "ACTIVE" as "active", and 2.6 in a column of whole numbers as 3.
 */
export function isForeseeable({ kind, items, defaulted }: Comparison, value: unknown): boolean {
  if (value === undefined) return !defaulted;
  if (value === null) return true;
  if (kind === 'enum') return (typeof value === 'string' || typeof value === 'number') && items.includes(String(value));
  return kind === 'boolean' ? typeof value === 'boolean' : Number.isInteger(normal(kind, value));
}

function kindOf(property: EntityProperty): Comparison['kind'] | undefined {
  // A value without a column, computed by the database, or in a form of its own, cannot decide what is counted.
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

/** Returns true for a default in SQL, which only the database knows. MikroORM itself assigns a plain default. */
function isDefaulted(property: EntityProperty): boolean {
  return (
    ![undefined, 'null'].includes(property.defaultRaw) && (property.default === undefined || isRaw(property.default))
  );
}

/** Returns a value in the form in which it is compared; undefined, which equals nothing, for an SQL fragment or object. */
function normal(kind: Comparison['kind'], value: unknown): ConditionValue | undefined {
  if (value === null || value === undefined) return null;
  if (!isScalar(value)) return undefined;
  if (kind === 'enum') return String(value);
  return kind === 'boolean' ? Boolean(Number(value)) : Number(value);
}

function isScalar(value: unknown): value is string | number | bigint | boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
}

function declaration(counter: Counter, property: string, problem: string): CounterError {
  return new CounterError(
    'COUNTER_DECLARATION',
    `The condition of the counter ${counter.counted.name}.${counter.by} → ${counter.into} names "${property}", which ${problem}.`,
  );
}
