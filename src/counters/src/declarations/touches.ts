import { ReferenceKind, type EntityMetadata, type EntityProperty } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { dialectOf } from '../sql/dialects/dialects.js';
import { quoted } from '../sql/fragments.js';
import { decimalDigits, integerBounds } from './column-types.js';
import type { ResolvedCounter, Touch } from './counter-group.js';
import type { Counter } from './define-counter.js';
import { kept } from './kept.js';
import { propertyProblem } from './mapping-options.js';
import { pathOf, propertiesOf } from './watched-columns.js';

// What a target says of its last change, beside its counts: a date, or a whole number that goes up by 1.

/** The digits of a second that a date of JavaScript has. */
const MAX_DATE_DIGITS = 3;

/** Returns what a counter touches in its target, or why it cannot. */
export function touchesFor(
  { touch = [], into }: Counter,
  target: EntityMetadata,
  em: SqlEntityManager,
): Touch[] | string {
  const touches: Touch[] = [];
  for (const name of typeof touch === 'string' ? [touch] : touch) {
    const property = target.properties[name as never] as EntityProperty | undefined;
    if (!property || property.kind !== ReferenceKind.SCALAR)
      return `${target.className} has no column property "${name}" to be touched`;
    if (name === into) return `"${name}" is its own stored count, and cannot be touched`;
    if (touches.some(one => one.property === name)) return `"${name}" is touched twice; name it once`;
    const made = touchOf(property, target, em);
    if (typeof made === 'string') return `"${name}", which it touches, ${made}`;
    touches.push(made);
  }
  return touches;
}

function touchOf(property: EntityProperty, target: EntityMetadata, em: SqlEntityManager): Touch | string {
  const { name, runtimeType, columnTypes, fieldNames, nullable, version = false } = property;
  const problem = propertyProblem(property, 'touch');
  if (problem !== undefined) return problem;
  if (target.inheritanceType && property.inherited)
    return `is null in those rows of ${target.tableName} that are not of the type that has it; declare it in ${target.className}`;
  const column = fieldNames[0]!;
  const other = propertiesOf(target, column).find(one => one.name !== name);
  if (other)
    return `shares its column with "${other.name}", which would show another value; give "${other.name}" persist: false`;
  const common = { property: name, path: pathOf(target, property), column, isVersion: version };
  const type = columnTypes[0] ?? '';
  if (runtimeType === 'number' && integerBounds(type) && !decimalDigits(type)) {
    if (nullable) return 'may be null, to which nothing can be added; leave "nullable" out';
    return { ...common, kind: 'number', digits: 0, now: '' };
  }
  if (runtimeType !== 'Date') return `has the type ${type || property.type}; a Date or a whole number can be touched`;
  const { dates } = dialectOf(em).conditions;
  const digits = dates.digits(type);
  if (digits === undefined) return `has the type ${type}, whose values depend on the session; use ${dates.type}`;
  const shown = Math.min(digits, MAX_DATE_DIGITS);
  const now = dates.now(em.getPlatform(), shown);
  if (now === undefined)
    return 'is a date, and the ORM has no timezone, so triggers cannot write it; set forceUtcTimezone, or a timezone such as "+01:00"';
  return { ...common, kind: 'date', digits: shown, now };
}

/** Returns the date of a moment, given in milliseconds, such that the column does not round it. */
export function dateFor({ digits }: Touch, moment: number): Date {
  const unit = 10 ** (MAX_DATE_DIGITS - digits);
  return new Date(Math.floor(moment / unit) * unit);
}

/** A property that is touched, with the counters whose changes touch it. */
export interface TouchedBy {
  readonly touch: Touch;
  readonly by: readonly ResolvedCounter[];
}

const touched = new WeakMap<readonly ResolvedCounter[], readonly TouchedBy[]>();

/** Returns what some counters touch, each column once. */
export function touchedBy(counters: readonly ResolvedCounter[]): readonly TouchedBy[] {
  return kept(touched, counters, () => {
    const all = counters.flatMap(counter => counter.touches.map(touch => ({ touch, counter })));
    return [...Map.groupBy(all, ({ touch }) => touch.column).values()].map(same => ({
      touch: same[0]!.touch,
      by: same.map(({ counter }) => counter),
    }));
  });
}

/**
 * Returns the assignments by which a statement of a trigger touches targets whose counts it changes. `changed` returns
 * the condition that it changes the count of a counter, or whether it always does; `row` goes before each column that is
 * read.
 */
export function touchSql(
  em: SqlEntityManager,
  counters: readonly ResolvedCounter[],
  changed: (counter: ResolvedCounter) => string | boolean,
  row = '',
): string[] {
  return touchedBy(counters).flatMap(({ touch: { column, kind, now }, by }) => {
    const conditions = by.map(changed).filter(condition => condition !== false);
    if (conditions.length === 0) return [];
    const name = quoted(em, column);
    const old = `${row}${name}`;
    const value = kind === 'date' ? now : `${old} + 1`;
    if (conditions.includes(true)) return [`${name} = ${value}`];
    return [`${name} = case when ${conditions.join(' or ')} then ${value} else ${old} end`];
  });
}
