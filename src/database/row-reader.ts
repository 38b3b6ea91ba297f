import type { EntityClass, EntityProperty, MetadataStorage } from '@mikro-orm/core';
import type { Database } from './database.js';
import { isBehind } from './mapped/mapped-metadata.js';
import {
  columnOfOurs,
  dateOf,
  isTrue,
  sameMoment,
  type PlainRow,
  type StoredBoolean,
  type StoredMoment,
  type StoredRow,
} from './tables.js';

/** The reading of one entity's table; whole numbers are already exact, because the connection refuses others. */
export interface RowReader<Entity> {
  /** The names of the columns that are read. */
  readonly columns: readonly (keyof StoredRow<Entity> & string)[];
  /** The same names in one text, which is a part of a statement's shape. */
  readonly shape: string;
  /**
   * Returns a raw row with the names of the entity's properties, and with dates and booleans instead of the driver's
   * values.
   */
  readonly plain: (row: StoredRow<Entity>) => PlainRow<Entity>;
  /** Returns the value of a column by which rows can be ordered: a raw one, but in one form for each moment. */
  readonly sortValue: (row: StoredRow<Entity>, column: string) => string | number;
}

type Conversion = (raw: never) => unknown;

interface ReadColumn {
  readonly name: string;
  readonly property: string;
  readonly isKey: boolean;
  readonly plainName: string;
  /** Null if the driver's value needs no conversion. */
  readonly convert: Conversion | null;
}

/** The names of the properties of an entity that are read; null: all. Those that it does not have are ignored. */
export type ReadProperties = ReadonlySet<string> | null;

/** The readers of an entity's rows: of all columns, and of some by the names of their properties. */
interface Readers {
  readonly all: RowReader<object>;
  readonly columns: readonly ReadColumn[];
  /** By a set that is used for many requests, and by its columns. */
  readonly bySet: WeakMap<ReadonlySet<string>, RowReader<object>>;
  readonly byColumns: Map<string, RowReader<object>>;
}

const rowReaders = new WeakMap<object, Map<EntityClass, Readers>>();

/**
 * Returns a reader for the rows of an entity's table, by its metadata: of the columns of some properties, and of
 * the primary key; or of all columns.
 */
export function rowReader<Entity extends object>(
  database: Pick<Database, 'getMetadata'>,
  entity: EntityClass<Entity>,
  properties: ReadProperties = null,
): RowReader<Entity> {
  const metadata = database.getMetadata();
  let ofDatabase = rowReaders.get(metadata);
  if (!ofDatabase) rowReaders.set(metadata, (ofDatabase = new Map<EntityClass, Readers>()));
  let readers = ofDatabase.get(entity);
  if (!readers) ofDatabase.set(entity, (readers = madeReaders(metadata, entity)));
  return (properties === null ? readers.all : readerOf(readers, properties)) as unknown as RowReader<Entity>;
}

function madeReaders<Entity extends object>(metadata: MetadataStorage, entity: EntityClass<Entity>): Readers {
  const columns = metadata
    .get(entity)
    .props.filter(property => property.persist !== false && !isBehind(property))
    .map(columnOf);
  return { all: madeReader(columns, columns), columns, bySet: new WeakMap(), byColumns: new Map() };
}

function readerOf({ columns, bySet, byColumns }: Readers, properties: ReadonlySet<string>): RowReader<object> {
  const known = bySet.get(properties);
  if (known) return known;
  const some = columns.filter(({ property, isKey }) => isKey || properties.has(property));
  // There are as many as there are sets of columns that clients select.
  const key = some.map(({ name }) => name).join();
  const reader = byColumns.get(key) ?? madeReader(some, columns);
  byColumns.set(key, reader);
  bySet.set(properties, reader);
  return reader;
}

function madeReader(columns: readonly ReadColumn[], all: readonly ReadColumn[]): RowReader<object> {
  const names = columns.map(({ name }) => name);
  const moments = new Set(all.filter(({ convert }) => convert === conversions['Date']).map(({ name }) => name));
  return {
    columns: names as never,
    shape: names.join(),
    plain: row => {
      const values = row as Readonly<Record<string, never>>;
      const plain: Record<string, unknown> = {};
      // One value at a time, in a loop without a closure: a page has a thousand of them.
      for (const { name, plainName, convert } of columns) {
        const value = values[name];
        plain[plainName] = convert === null || value === null ? value : convert(value!);
      }
      return plain;
    },
    sortValue: (row, column) => {
      const value = (row as Readonly<Record<string, string | number>>)[column]!;
      return moments.has(column) ? sameMoment(value) : value;
    },
  };
}

function columnOf(property: EntityProperty): ReadColumn {
  const { name, primary, targetMeta, runtimeType } = property;
  return {
    name: columnOfOurs(property),
    property: name,
    isKey: primary === true,
    plainName: targetMeta ? `${name}Id` : name,
    convert: conversions[runtimeType] ?? null,
  };
}

/** The conversions of values by the types of properties. */
const conversions: Readonly<Record<string, Conversion>> = {
  Date: (moment: StoredMoment) => dateOf(moment),
  boolean: (value: StoredBoolean) => isTrue(value),
};
