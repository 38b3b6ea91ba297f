import type { EntityMetadata, EntityProperty } from '@mikro-orm/core';

// With table-per-type inheritance, a row is spread over the tables of its type and of those that this extends, by the
// same key. A row is of a type where the type's own table has its key.

/** Returns true for an entity whose types have a table each. */
export function hasTypeTables({ root }: EntityMetadata): boolean {
  return root.inheritanceType === 'tpt';
}

/** Returns the entities whose tables have a part of each row of an entity: itself, and those that it extends. */
export function tablesAbove(meta: EntityMetadata): EntityMetadata[] {
  return meta.tptParent ? [meta, ...tablesAbove(meta.tptParent)] : [meta];
}

/** Returns true for an entity whose rows are rows of another one too: the same one, or one that extends it. */
export function isOfType(meta: EntityMetadata, other: EntityMetadata): boolean {
  return tablesAbove(meta).some(one => one.class === other.class);
}

/** Returns the entity in whose table a property stands that an entity has. */
export function ownerOf(meta: EntityMetadata, { name }: EntityProperty): EntityMetadata {
  const above = tablesAbove(meta);
  return above.find(({ ownProps = [] }) => ownProps.some(one => one.name === name)) ?? above.at(-1)!;
}

/** Returns an entity of each table of a hierarchy, by its root. */
export function tablesIn(meta: EntityMetadata): EntityMetadata[] {
  return [meta, ...(meta.tptChildren ?? []).flatMap(tablesIn)];
}

/** Returns all properties that rows of an entity may have: for the root of types with tables, also those of the types. */
export function propertiesOfRows(meta: EntityMetadata): EntityProperty[] {
  if (!meta.tptChildren?.length || meta.tptParent) return meta.props;
  return [
    ...meta.props,
    ...meta.tptChildren.flatMap(child => tablesIn(child)).flatMap(({ ownProps = [] }) => ownProps),
  ];
}

/** Returns the entity, of those whose tables have a part of each row of a type, in whose table a column stands. */
export function tableWith(type: EntityMetadata, column: string): EntityMetadata {
  const above = tablesAbove(type);
  const root = above.at(-1)!;
  const has = ({ fieldNames }: EntityProperty): boolean =>
    fieldNames?.some(name => name.toLowerCase() === column.toLowerCase()) ?? false;
  // All of them have the key, of which none but the root's is a property of its own.
  return above.find(({ ownProps = [] }) => ownProps.some(has)) ?? root;
}

/** Returns where columns of a type's rows stand, for people: `owner_id of animal`. */
export function placesOf(type: EntityMetadata, columns: readonly string[]): string {
  return columns.map(column => `${column} of ${tableWith(type, column).tableName}`).join(', ');
}
