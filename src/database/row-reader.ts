import type { EntityClass, EntityProperty } from '@mikro-orm/core';
import type { Database } from './database.js';
import { dateOf, isTrue, type PlainRow, type StoredBoolean, type StoredMoment, type StoredRow } from './tables.js';

/** The reading of one entity's table; whole numbers are already exact, because the connection refuses others. */
export interface RowReader<Entity> {
  /** The names of the table's columns. */
  readonly columns: readonly (keyof StoredRow<Entity> & string)[];
  /**
   * Returns a raw row with the names of the entity's properties, and with dates and booleans instead of the driver's
   * values.
   */
  readonly plain: (row: StoredRow<Entity>) => PlainRow<Entity>;
}

type Conversion = (raw: never) => unknown;

interface ReadColumn {
  readonly name: string;
  readonly plainName: string;
  /** Null if the driver's value needs no conversion. */
  readonly convert: Conversion | null;
}

const rowReaders = new WeakMap<Database, Map<EntityClass, RowReader<object>>>();

/** Returns a reader for the rows of an entity's table, by its metadata. */
export function rowReader<Entity extends object>(database: Database, entity: EntityClass<Entity>): RowReader<Entity> {
  let ofDatabase = rowReaders.get(database);
  if (!ofDatabase) rowReaders.set(database, (ofDatabase = new Map<EntityClass, RowReader<object>>()));
  let reader = ofDatabase.get(entity);
  if (!reader) ofDatabase.set(entity, (reader = madeReader(database, entity)));
  return reader as unknown as RowReader<Entity>;
}

function madeReader<Entity extends object>(database: Database, entity: EntityClass<Entity>): RowReader<object> {
  const columns = database
    .getMetadata()
    .get(entity)
    .props.filter(({ persist }) => persist !== false)
    .map(columnOf);
  const names = columns.map(({ name }) => name);
  return {
    columns: names as never,
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
  };
}

function columnOf({ name, fieldNames: [column], targetMeta, runtimeType }: EntityProperty): ReadColumn {
  return {
    name: column!,
    plainName: targetMeta ? `${name}Id` : name,
    convert: conversions[runtimeType] ?? null,
  };
}

/** The conversions of values by the types of properties. */
const conversions: Readonly<Record<string, Conversion>> = {
  Date: (moment: StoredMoment) => dateOf(moment),
  boolean: (value: StoredBoolean) => isTrue(value),
};
