import { ReferenceKind, type EntityMetadata, type EntityProperty } from '@mikro-orm/core';
import type { Test } from './condition.js';
import type { CounterGroup } from './counter-group.js';
import { kept } from './kept.js';
import { propertiesOfRows } from './rows-of-types.js';

const tests = new WeakMap<readonly CounterGroup[], readonly Test[]>();
const properties = new WeakMap<readonly CounterGroup[], readonly string[]>();
const writers = new WeakMap<readonly CounterGroup[], readonly WatchedColumn[]>();

/** A column that decides whether and where a row is counted, with all properties by which a row can get its value. */
export interface WatchedColumn {
  readonly column: string;
  readonly writers: readonly ColumnWriter[];
}

/** A property with a column, and the column's place among those of the property. */
interface ColumnWriter {
  readonly name: string;
  readonly place: number;
  /** True where MikroORM writes this column for the property: another property of the same column may do so instead. */
  readonly owns: boolean;
  /** True where the database itself gives the column a value. */
  readonly defaulted: boolean;
}

/** Returns the tests in the conditions of all counters of some groups, and what they sum. */
export function testsIn(groups: readonly CounterGroup[]): readonly Test[] {
  return kept(tests, groups, () =>
    groups.flatMap(({ counters }) =>
      counters.flatMap(({ condition, amount }) => [...condition.tests, ...(amount.of ? [amount.of.test] : [])]),
    ),
  );
}

/**
 * Returns the columns that decide whether and where a row of these groups is counted. Several properties may have one
 * column, as a foreign key of two columns and a relation by one of them have.
 */
export function columnsWatched(groups: readonly CounterGroup[]): readonly WatchedColumn[] {
  return kept(writers, groups, () =>
    [...new Set(watchedColumns(groups))].map(column => ({ column, writers: writersOf(groups[0]!.counted, column) })),
  );
}

/** Returns the names of the properties that have a column which decides whether and where a row is counted. */
export function watchedProperties(groups: readonly CounterGroup[]): readonly string[] {
  return kept(properties, groups, () => [
    ...new Set(columnsWatched(groups).flatMap(watched => watched.writers.map(({ name }) => name))),
  ]);
}

function writersOf(meta: EntityMetadata, column: string): ColumnWriter[] {
  return propertiesOf(meta, column).map(property => ({
    name: property.name,
    place: property.fieldNames.findIndex(name => isSameName(name, column)),
    owns:
      property.fieldNames.length === 1 ||
      property.polymorphic === true ||
      (property.ownColumns ?? property.fieldNames).includes(column),
    defaulted: ![undefined, 'null'].includes(property.defaultRaw),
  }));
}

/** Returns the properties by which the application writes a column. */
export function propertiesOf(meta: EntityMetadata, column: string): EntityProperty[] {
  const own = (property: EntityProperty): boolean =>
    ![ReferenceKind.ONE_TO_MANY, ReferenceKind.MANY_TO_MANY].includes(property.kind) &&
    isColumn(property) &&
    !(property.embedded && (meta.properties[property.embedded[0] as never] as EntityProperty).object);
  return propertiesOfRows(meta).filter(
    property => property.fieldNames?.some(name => isSameName(name, column)) && own(property),
  );
}

/** Returns the names by which an entity has a property, through the embedded objects that it is a part of. */
export function pathOf(meta: EntityMetadata, { embedded, name }: EntityProperty): string[] {
  return embedded ? [...pathOf(meta, meta.properties[embedded[0] as never]!), embedded[1]] : [name];
}

/** Compares names of columns as databases do. */
function isSameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Returns the columns of the foreign keys and the conditions of some groups. */
export function watchedColumns(groups: readonly CounterGroup[]): string[] {
  return groups.flatMap(group => [...group.foreignKey, ...testsIn([group]).flatMap(({ columns }) => columns)]);
}

/** Returns true for a property that the application writes to columns: persisted, not generated, and not a formula. */
export function isColumn(property: EntityProperty): boolean {
  return property.persist !== false && !property.formula && !property.generated;
}
