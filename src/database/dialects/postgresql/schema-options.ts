import {
  ReferenceKind,
  type EntityClass,
  type EntityMetadata,
  type EntityProperty,
  type MetadataStorage,
  type Platform,
} from '@mikro-orm/core';
import { Course, User } from '../../../entities/index.js';
import { TEXT_COLLATION } from '../../../migrations/postgresql/collation.js';

/** The texts that are compared regardless of case and accents. */
const comparedTexts: readonly (readonly [entity: EntityClass<object>, property: string])[] = [
  [User, 'email' satisfies keyof User],
  [Course, 'title' satisfies keyof Course],
];

/** Makes the entities' metadata say what the migrations make on PostgreSQL: its own indexes and collations. */
export function adaptSchema(storage: MetadataStorage, platform: Platform): void {
  for (const meta of storage.getAll().values()) addKeysToIndexes(meta, platform);
  for (const [entity, property] of comparedTexts) {
    const found = storage.find(entity)?.props.find(({ name }) => name === property);
    if (found) found.collation = TEXT_COLLATION;
  }
}

/**
 * Appends the primary key to each index that is not unique, and adds those of foreign keys: other databases do both by
 * themselves.
 */
function addKeysToIndexes(meta: EntityMetadata, platform: Platform): void {
  const own = meta.props.filter(
    prop => prop.index === true || (prop.kind === ReferenceKind.MANY_TO_ONE && !prop.unique),
  );
  const indexes = [...meta.indexes, ...own.map(({ name }) => ({ properties: [name] }))];
  for (const prop of own) delete prop.index;
  meta.indexes = indexes.map(index => {
    const given: string | readonly string[] = index.properties ?? [];
    const properties = typeof given === 'string' ? [given] : given;
    const columns = properties.flatMap(name => propertyOf(meta, name).fieldNames);
    return {
      ...index,
      name: platform.getIndexName(meta.tableName, columns, 'index'),
      properties: [...properties, ...meta.primaryKeys],
    };
  });
}

function propertyOf({ props }: EntityMetadata, name: string): EntityProperty {
  return props.find(one => one.name === name)!;
}
