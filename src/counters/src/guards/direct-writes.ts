import { ReferenceKind, type EntityMetadata, type EntityProperty } from '@mikro-orm/core';
import { unitsOfValue } from '../declarations/amounts.js';
import { keptGroups, type ResolvedCounter } from '../declarations/counter-group.js';
import { isSameTable } from '../declarations/inheritance.js';
import type { CounterRegistry, Reach } from '../declarations/registry.js';
import { watchedColumns } from '../declarations/watched-columns.js';
import { CounterError } from '../errors.js';
import { bypassRefused } from '../events.js';

/** What to do instead of a write that fires no hooks. */
const instead = {
  insert: 'em.create(), or insertMany() of the counters for many rows',
  upsert: 'a transaction that finds the row, then em.create() or a change of it',
  update: 'a change of the entities and a flush, or updateWhere() of the counters for many rows',
  delete: 'em.remove(), or deleteWhere() of the counters for many rows',
  clone: 'em.create()',
};

/**
 * Checks of writes that fire no hooks. They refuse those that hooks would have to count (COUNTER_BYPASS) and those that
 * would write a stored count (COUNTER_ASSIGNED), by the name of the method that was called; all others pass.
 */
export class DirectWrites {
  constructor(readonly registry: CounterRegistry) {}

  insert(method: string, meta: EntityMetadata, rows: readonly object[]): void {
    this.#refuseView(method, meta);
    this.#refuseUnseen(method, meta, instead.insert, 'new');
    for (const row of rows) this.refuseUncounted(method, meta, row, true);
  }

  /** Refuses what a write of counted rows may not contain either: stored counts, and counted pivot tables. */
  refuseUncounted(method: string, meta: EntityMetadata, data: object, rowsAreNew: boolean): void {
    this.#refusePivots(method, meta, data);
    refuseStoredCounts(this.registry, meta, data, rowsAreNew);
  }

  /** Checks rows that are inserted or, where they exist, updated. What is merged then is checked by merge(). */
  upsert(method: string, meta: EntityMetadata, rows: readonly object[]): void {
    this.#refuseView(method, meta);
    this.#refuseUnseen(method, meta, instead.upsert, 'known');
    for (const row of rows) this.#refusePivots(method, meta, row);
  }

  /** Checks what existing rows get on conflict. */
  merge(meta: EntityMetadata, data: object): void {
    const written = writtenColumns(meta, data);
    const named = this.registry
      .countersOn(meta)
      .find(({ column }) => written.has(column.toLowerCase()) && written.get(column.toLowerCase()) === undefined);
    if (named)
      throw new CounterError(
        'COUNTER_ASSIGNED',
        `${named.name} is a stored count and would be overwritten where the row exists. Leave it out of what is merged.`,
      );
    refuseStoredCounts(this.registry, meta, data, false);
  }

  /** Checks an INSERT from a query. */
  insertFrom(method: string, meta: EntityMetadata): void {
    this.#refuseView(method, meta);
    this.#refuseUnseen(method, meta, instead.insert, 'new');
    const counters = this.registry.countersOn(meta).map(({ name }) => name);
    if (counters.length === 0) return;
    throw bypassRefused(
      meta.className,
      `${method} on ${meta.className} would copy ${counters.join(' and ')}. Use em.create() or em.clone().`,
    );
  }

  update(method: string, meta: EntityMetadata, data: object): void {
    this.#refuseView(method, meta);
    const watched = watchedColumns(this.registry.countedBy(meta, 'table')).map(column => column.toLowerCase());
    const written = writtenColumns(meta, data);
    if (watched.some(column => written.has(column))) this.#refuseUnseen(method, meta, instead.update);
    this.#refuseLost(method, meta, column => written.has(column.toLowerCase()));
    this.refuseUncounted(method, meta, data, false);
  }

  delete(method: string, meta: EntityMetadata): void {
    this.#refuseView(method, meta);
    this.#refuseLost(method, meta, () => true);
    this.#refuseUnseen(method, meta, instead.delete);
  }

  /** Checks the removal of all rows at once, which fires no triggers either. */
  truncate(method: string, meta: EntityMetadata): void {
    this.#refuseLost(method, meta, () => true);
    this.#refuse(method, meta, instead.delete);
  }

  /** Checks a copy that the database makes: the new row has no rows of its own yet, so stored counts are not copied. */
  clone(method: string, meta: EntityMetadata, overrides: object): void {
    // Where each type has a table, all parts of the row are copied.
    this.#refuseUnseen(method, meta, instead.clone, 'known');
    const written = writtenColumns(meta, overrides);
    const copied = this.registry
      .countersOn(meta)
      .filter(counter => !isZero(counter, written.get(counter.column.toLowerCase())));
    if (copied.length === 0) return;
    throw bypassRefused(
      meta.className,
      `${method} on ${meta.className} would copy ${copied.map(({ name }) => name).join(' and ')}. Use em.clone().`,
    );
  }

  /** Refuses a write through a view of a table with counted rows or stored counts, which some databases pass on. */
  #refuseView(method: string, { view, expression, className }: EntityMetadata): void {
    if (!view) return;
    const seen = this.registry.groups
      .flatMap(({ counted, type, target }) => [counted, type, target])
      .find(({ tableName }) => typeof expression !== 'string' || expression.includes(tableName));
    if (seen)
      throw bypassRefused(
        className,
        `${method} on the view ${className} may write rows of ${seen.tableName} past the counters. Write ${seen.className} instead.`,
      );
  }

  /** Refuses a write that takes targets away which no foreign key of the database keeps; flushes do. */
  #refuseLost(method: string, meta: EntityMetadata, writes: (column: string) => boolean): void {
    const group = keptGroups(this.registry.groups).find(
      ({ target, primaryKey }) => isSameTable(target, meta) && primaryKey.some(writes),
    );
    if (!group) return;
    const { counted, by } = group;
    throw bypassRefused(
      meta.className,
      `${method} on ${meta.className} may take away what ${counted.className} rows refer to by "${by}", and no foreign key of the database keeps that. Use em.remove(), or a change of the entities and a flush.`,
    );
  }

  /** Refuses a write of counted rows where hooks count; triggers see it. */
  #refuseUnseen(method: string, meta: EntityMetadata, hint: string, reach?: Reach): void {
    if (this.registry.strategy === 'hooks') this.#refuse(method, meta, hint, reach);
  }

  #refuse(method: string, meta: EntityMetadata, hint: string, reach: Reach = 'table'): void {
    const counters = this.registry.countedBy(meta, reach).flatMap(group => group.counters.map(({ name }) => name));
    if (counters.length > 0)
      throw bypassRefused(
        meta.className,
        `${method} on ${meta.className} would write past ${counters.join(' and ')}. Use ${hint}.`,
      );
  }

  #refusePivots(method: string, meta: EntityMetadata, data: object): void {
    if (this.registry.strategy !== 'hooks') return;
    for (const { name, pivotEntity } of writtenPivots(meta, data)) {
      const group = this.registry.groups.find(({ counted }) => counted.class === (pivotEntity as unknown));
      if (!group) continue;
      const counters = group.counters.map(counter => counter.name).join(' and ');
      throw bypassRefused(
        meta.className,
        `${method} on ${meta.className} with "${name}" would write ${group.counted.className} rows past ${counters}. Create and remove ${group.counted.className} entities instead.`,
      );
    }
  }
}

/** Refuses data that names a stored count (COUNTER_ASSIGNED). Where rows are new, it may be 0. */
export function refuseStoredCounts(
  registry: CounterRegistry,
  meta: EntityMetadata,
  data: object,
  rowsAreNew: boolean,
): void {
  const counters = registry.countersOn(meta);
  if (counters.length === 0) return;
  const written = writtenColumns(meta, data);
  for (const counter of counters) {
    const column = counter.column.toLowerCase();
    const value = written.get(column);
    if (!written.has(column) || (rowsAreNew && (value === undefined || isZero(counter, value)))) continue;
    throw countAssigned(counter.name, value, 'Leave it out: the counters engine alone writes it.');
  }
}

function isZero(counter: ResolvedCounter, value: unknown): boolean {
  return unitsOfValue(counter, value) === 0n;
}

/** Returns the error for a value that was assigned to a stored count: COUNTER_ASSIGNED. */
export function countAssigned(name: string, value: unknown, hint: string): CounterError {
  return new CounterError(
    'COUNTER_ASSIGNED',
    `${name} is a stored count and was assigned ${typeof value === 'bigint' ? value : JSON.stringify(value)}. ${hint}`,
  );
}

type Properties = Readonly<Record<string, EntityProperty>>;

/** One value that data writes: the property's name, or the name as given where no property has it, and the columns. */
export interface Written {
  readonly name: string;
  readonly columns: readonly string[];
  readonly value: unknown;
}

/** Returns true for data without embedded objects, aliases of tables and SQL as names: it writes what it says. */
export function isPlainData({ properties }: EntityMetadata, data: object): boolean {
  if (Object.getOwnPropertySymbols(data).length > 0) return false;
  return Object.keys(data).every(name => {
    const property = (properties as Properties)[name];
    return !name.includes('.') && !property?.embeddedProps && !property?.embedded;
  });
}

/** Returns what data writes, with the parts of embedded objects as the properties that MikroORM makes of them. */
export function writtenProperties(meta: EntityMetadata, data: object): Written[] {
  return writtenIn(meta.properties as Properties, data);
}

/**
 * Returns the columns that data writes, in lower case, as databases compare them, with the values.
 *
 * Data may name properties or columns, with the alias of their table before them or without.
 */
function writtenColumns(meta: EntityMetadata, data: object): Map<string, unknown> {
  return new Map(
    writtenProperties(meta, data).flatMap(({ columns, value }) => columns.map(column => [column.toLowerCase(), value])),
  );
}

/** Returns the many-to-many properties that data names: MikroORM writes their pivot tables together with the row. */
function writtenPivots(meta: EntityMetadata, data: object): EntityProperty[] {
  return meta.relations.filter(
    ({ kind, name }) => kind === ReferenceKind.MANY_TO_MANY && (data as Record<string, unknown>)[name] !== undefined,
  );
}

function writtenIn(properties: Properties, data: object): Written[] {
  return Object.entries(data).flatMap(([key, value]): Written[] => {
    const name = key.slice(key.lastIndexOf('.') + 1);
    const property = properties[name];
    if (!property) return [{ name: key, columns: [name], value }];
    if (!property.embeddedProps || property.object)
      return [{ name: property.name, columns: property.fieldNames ?? [], value }];
    const parts = property.embeddedProps as Properties;
    const whole =
      typeof value === 'object' && value !== null
        ? value
        : Object.fromEntries(Object.keys(parts).map(part => [part, value]));
    return writtenIn(parts, whole);
  });
}
