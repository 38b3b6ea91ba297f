import { DecimalType, helper, type EntityMetadata } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { CounterGroup, KeyPart } from '../declarations/counter-group.js';
import { hasTypeTables, isOfType } from '../declarations/rows-of-types.js';
import { hashOf, textOf, type Key } from '../sql/key.js';
import { nameOfOwnSchema, OWN_SCHEMA, schemaOf } from '../sql/schemas.js';
import { keyOf } from './entity-keys.js';
import { managersBeside } from './managers.js';

/**
 * Returns the target entities that are loaded for one row, in every entity manager that shows it. The keys are the primary
 * keys by which the row is known: as the database spells it, and as memory does.
 */
export function loadedTargets(em: SqlEntityManager, group: CounterGroup, keys: readonly Key[]): object[] {
  return [...managersBeside(em)].flatMap(manager => [...new Set(keys.flatMap(key => targetsIn(manager, group, key)))]);
}

/**
 * Returns true where a target may be loaded for one of some keys, to which foreign keys refer: also where only a collation
 * could tell whether two keys are one, and where only the database knows which row has a unique key.
 */
export function mayBeLoaded(em: SqlEntityManager, group: CounterGroup, keys: readonly Key[]): boolean {
  return [...managersBeside(em)].some(manager => {
    if (group.uniqueKey !== undefined) return keys.length > 0 && entitiesOf(manager, group).length > 0;
    if (keys.some(key => targetsIn(manager, group, key).length > 0)) return true;
    if (group.targetParts.every(({ kind }) => kind === 'whole')) return false;
    const folded = new Set(keys.map(key => foldedKey(key)));
    return entitiesOf(manager, group).some(entity => folded.has(foldedKey(keyOf(entity))));
  });
}

function targetsIn(manager: SqlEntityManager, group: CounterGroup, key: Key): object[] {
  const { target, primaryParts, uniqueKey } = group;
  // MikroORM may know an entity by its unique key alone.
  if (uniqueKey === undefined && primaryParts.every(({ kind }) => kind !== 'other')) {
    const id = key.length === 1 ? key[0] : key;
    const schema = group.targetSchema ?? schemaOf(manager, target, manager.schema);
    // MikroORM knows an entity of the connection's own schema by its name too, where it was given that name.
    const names = schema === OWN_SCHEMA ? [undefined, nameOfOwnSchema(manager)] : [schema];
    const found = names.map(name => manager.getUnitOfWork(false).getById<object>(target.class, id, name, true));
    return found.filter(entity => entity !== undefined && isLoaded(entity, target)) as object[];
  }
  const wanted = formOf(manager, primaryParts, key);
  return entitiesOf(manager, group).filter(entity => formOf(manager, primaryParts, keyOf(entity)) === wanted);
}

function entitiesOf(manager: SqlEntityManager, { target, targetSchema }: CounterGroup): object[] {
  const identityMap = manager.getUnitOfWork(false).getIdentityMap();
  const schema = targetSchema ?? schemaOf(manager, target, manager.schema);
  return [...new Set(identityMap.getStore<object>(target as never).values())].filter(
    entity => isLoaded(entity, target) && schemaOf(manager, target, helper(entity).__schema ?? OWN_SCHEMA) === schema,
  );
}

/**
 * Returns a text that is equal for a key as memory and as the database have it. MikroORM itself knows how it reads a
 * date, and how a type of the application's own stores a value.
 */
function formOf(em: SqlEntityManager, parts: readonly KeyPart[], key: Key): string {
  const platform = em.getPlatform();
  return hashOf(
    key.map((part, index) => {
      const { meta, property } = parts[index]!;
      const { customType, fieldNames, name } = property;
      const mapped = em.getComparator().mapResult(meta, { [fieldNames[0]!]: part } as never) as Record<string, unknown>;
      const value = mapped[name];
      if (!customType || value === null || value === undefined) return value;
      const stored: unknown = customType.convertToDatabaseValue(customType.convertToJSValue(value, platform), platform);
      return customType instanceof DecimalType ? withoutZeros(textOf(stored)) : stored;
    }),
  );
}

function withoutZeros(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
}

/** Returns a text that is equal for keys which a collation may take for one: whatever the case, accents and end. */
function foldedKey(key: Key): string {
  return hashOf(key.map(part => textOf(part).normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase().trimEnd()));
}

/**
 * Returns true for an entity with more than its key. MikroORM does not mark a mere reference as initialized when
 * em.transactional() merges a loaded entity into it.
 */
function isLoaded(entity: object, target: EntityMetadata): boolean {
  const { __meta: meta, __originalEntityData: snapshot = {} } = helper(entity);
  // Where each type has a table, an entity that was referred to by another type does not have what this one has.
  if (hasTypeTables(target) && !isOfType(meta, target)) return false;
  return helper(entity).isInitialized() || Object.keys(snapshot).length > target.primaryKeys.length;
}
