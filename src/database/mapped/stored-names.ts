import type { MetadataStorage } from '@mikro-orm/core';
import type { MapPart } from '../../map/map-form.js';
import { mappedEntities } from '../../map/mapped-table.js';
import { columnOfOurs, entitiesByTable, tableNames, type ColumnOf, type TableName } from '../tables.js';
import { isBehind } from './mapped-metadata.js';

/** The metadata of a database, which know its names. */
interface HasMetadata {
  readonly getMetadata: () => MetadataStorage;
}

/** Returns our name of the table that a part of a map describes. */
export function tableOfPart(part: MapPart): TableName {
  return tableNames.find(table => entitiesByTable[table] === mappedEntities[part])!;
}

/** Returns the name that one of our tables has in a database: ours, or that of the table of a map. */
export function storedTable(database: HasMetadata, table: TableName): string {
  return database.getMetadata().get<object>(entitiesByTable[table]).tableName;
}

/** Returns the names that the columns of one of our tables have in a database, by ours. */
export function storedColumns(database: HasMetadata, table: TableName): ReadonlyMap<string, string> {
  const { props } = database.getMetadata().get<object>(entitiesByTable[table]);
  return new Map(
    props
      .filter(property => property.persist !== false && property.fieldNames && !isBehind(property))
      .map(property => [columnOfOurs(property), property.fieldNames[0]!]),
  );
}

/** Returns the name that a column has in a database. */
export function storedColumn<Table extends TableName>(
  database: HasMetadata,
  table: Table,
  column: ColumnOf<Table>,
): string {
  return storedColumns(database, table).get(column)!;
}
