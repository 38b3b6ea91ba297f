import type { EntityMetadata, EntityProperty, MetadataStorage } from '@mikro-orm/core';

// With inheritance, rows of several entities have their keys in one table: the only one, where a column says of which of
// them a row is, or the root's, where each type has a table beside it. Rows are counted by that table, so that every
// entity's writes of it are seen. With one table, they are counted by their type as by a condition.

/** Returns the entity that stands for the table with the keys of rows: of those that have it by inheritance, their root. */
export function entityOfTable(meta: EntityMetadata): EntityMetadata {
  return meta.root.inheritanceType ? meta.root : meta;
}

/** Returns true for two entities whose rows have their keys in one table by inheritance, and for the same entity. */
export function isSameTable(a: EntityMetadata, b: EntityMetadata): boolean {
  return entityOfTable(a).class === entityOfTable(b).class;
}

/** Returns the condition for the rows of an entity among those of its table; undefined where all of them are. */
export function conditionOnType(
  meta: EntityMetadata,
  metadata: MetadataStorage,
): Readonly<Record<string, unknown>> | undefined {
  const { root } = meta;
  if (root.inheritanceType !== 'sti' || root === meta) return undefined;
  const values = Object.entries(root.discriminatorMap ?? {})
    .filter(([, type]) => isA(metadata.get<object>(type), meta, metadata))
    .map(([value]) => value);
  return { [root.discriminatorColumn!]: { $in: values } };
}

/** Returns why the type of a row cannot be compared; undefined where it can. */
export function typeColumnProblem({ root }: EntityMetadata): string | undefined {
  const column = root.properties[root.discriminatorColumn as never] as EntityProperty | undefined;
  return root.inheritanceType !== 'sti' || column?.runtimeType === 'string'
    ? undefined
    : `has "${root.discriminatorColumn}" for its type, which is not a text; let it be one`;
}

/** Returns why the entities of a table have it in different schemas; undefined where it is one. */
export function typeSchemaProblem(meta: EntityMetadata, metadata: MetadataStorage): string | undefined {
  const other = typesOf(meta, metadata).find(({ schema }) => schema !== meta.schema);
  return other && `and ${other.className} have rows in common, and different schemas; give both the same schema`;
}

/** Returns another column that a property has in another entity of the same root; undefined where it has one alone. */
export function otherColumn(
  meta: EntityMetadata,
  { name, fieldNames }: EntityProperty,
  metadata: MetadataStorage,
): string | undefined {
  return typesOf(meta, metadata)
    .map(({ properties }) => (properties[name as never] as EntityProperty | undefined)?.fieldNames?.join(', '))
    .find(columns => columns !== undefined && columns !== fieldNames.join(', '));
}

/** Returns all entities that have rows in common with one, by inheritance, or columns of one table. */
function typesOf(meta: EntityMetadata, metadata: MetadataStorage): EntityMetadata[] {
  if (!meta.root.inheritanceType) return [meta];
  return ([...metadata.getAll().values()] as EntityMetadata[]).filter(one => isSameTable(one, meta));
}

function isA(meta: EntityMetadata, ancestor: EntityMetadata, metadata: MetadataStorage): boolean {
  let one: EntityMetadata | undefined = meta;
  while (one && one.class !== ancestor.class) one = one.extends && metadata.find<object>(one.extends);
  return one !== undefined;
}
