import type { EntityMetadata, EntityProperty } from '@mikro-orm/core';
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
}

/**
 * Gives the comparisons of a counter's condition.
 *
 * Free text is refused (COUNTER_DECLARATION): the database's collation would decide which rows are equal, and JavaScript
 * could not know. An enumeration's values are compared exactly on both sides.
 */
export function comparisonsOf(counter: Counter, counted: EntityMetadata): Comparison[] {
  return Object.entries(counter.where).map(([name, value]) => {
    const property = counted.properties[name as never] as EntityProperty | undefined;
    if (!property) throw declaration(counter, name, 'is not a property of the counted entity');
    const kind = kindOf(property);
    if (!kind) {
      throw declaration(counter, name, `has the type ${property.type}; use an enum, a number or a boolean`);
    }
    const accepted = (Array.isArray(value) ? value : [value]).map(one => normal(kind, one));
    return { property: name, column: property.fieldNames[0]!, kind, accepted };
  });
}

/** Tells whether a row with these values is counted; values may come from an entity or raw from the database. */
export function meets(comparisons: readonly Comparison[], values: Values): boolean {
  return comparisons.every(({ property, kind, accepted }) => accepted.includes(normal(kind, values[property])));
}

function kindOf(property: EntityProperty): Comparison['kind'] | undefined {
  if (property.kind !== 'scalar') return undefined;
  if (property.items?.length) return 'enum';
  if (['boolean', 'Boolean'].includes(property.runtimeType)) return 'boolean';
  return ['number', 'Number'].includes(property.runtimeType) ? 'number' : undefined;
}

function normal(kind: Comparison['kind'], value: unknown): ConditionValue {
  if (value === null || value === undefined) return null;
  if (kind === 'enum') return String(value);
  return kind === 'boolean' ? Boolean(Number(value)) : Number(value);
}

function declaration(counter: Counter, property: string, problem: string): CounterError {
  return new CounterError(
    'COUNTER_DECLARATION',
    `The condition of the counter ${counter.counted.name}.${counter.by} → ${counter.into} names "${property}", which ${problem}.`,
  );
}
