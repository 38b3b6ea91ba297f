import type { EntityMetadata, EntityProperty } from '@mikro-orm/core';
import type { KeyPart } from './counter-group.js';

/** Returns the primary key columns of a table. */
export function keyColumns(meta: EntityMetadata): string[] {
  return meta.primaryKeys.flatMap(name => (meta.properties[name as never] as EntityProperty).fieldNames);
}

/** Returns the parts of a primary key, in the order of keyColumns(). */
export function keyParts(meta: EntityMetadata): KeyPart[] {
  return meta.primaryKeys.flatMap(name => partsOf(meta, name));
}

/** Returns the parts of the key that a property of an entity is, or is a part of. */
export function partsOf(meta: EntityMetadata, name: string): KeyPart[] {
  const property = meta.properties[name as never] as EntityProperty;
  const { targetMeta } = property;
  return targetMeta ? keyParts(targetMeta) : [{ meta, property, kind: kindOf(property) }];
}

function kindOf({ columnTypes, runtimeType }: EntityProperty): KeyPart['kind'] {
  const type = columnTypes[0] ?? '';
  if (['boolean', 'Date'].includes(runtimeType)) return 'other';
  if (/^(?:(?:big|small|medium|tiny)?int(?:eger)?|(?:big|small)?serial)\b/i.test(type)) return 'whole';
  return /char|text|enum|uuid/i.test(type) ? 'text' : 'other';
}
