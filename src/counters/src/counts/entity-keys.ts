import { helper, type AnyEntity, type ChangeSet } from '@mikro-orm/core';
import type { CounterGroup } from '../declarations/counter-group.js';
import type { Key } from '../sql/key.js';
import { payloadOf } from './change-parts.js';

/** Returns the raw primary key of a managed entity, in the order of its key columns. */
export function keyOf(entity: object): Key {
  return flat(helper(entity).getPrimaryKey(true) ?? []);
}

/** Returns the raw primary key under which the database has a change set's row: the one before the change. */
export function keyInDatabase({ entity, originalEntity, meta }: ChangeSet<AnyEntity>): Key {
  const original = originalEntity && keyIn(meta.primaryKeys, originalEntity);
  return original && !original.includes(undefined) ? original : keyOf(entity);
}

/** Returns the raw primary key that a change set gives its row, once it is written. */
export function keyWritten(changeSet: ChangeSet<AnyEntity>): Key {
  const { entity, originalEntity, meta } = changeSet;
  const written = keyIn(meta.primaryKeys, { ...originalEntity, ...payloadOf(changeSet) });
  return written.includes(undefined) ? keyOf(entity) : written;
}

/**
 * Returns the key by which the rows of a group refer to a target that a flush writes, as the database has it before;
 * undefined where the entity manager does not know it.
 */
export function referredIn({ uniqueKey }: CounterGroup, change: ChangeSet<AnyEntity>): Key | undefined {
  if (uniqueKey === undefined) return keyInDatabase(change);
  return known(keyIn([uniqueKey], change.originalEntity ?? helper(change.entity).__originalEntityData ?? {}));
}

/** Returns the same key of a target that is inserted. */
export function referredOn({ uniqueKey }: CounterGroup, entity: object): Key {
  if (uniqueKey === undefined) return keyOf(entity);
  const { __originalEntityData: snapshot } = helper(entity);
  return keyIn([uniqueKey], snapshot ?? {});
}

/** Returns the same key as the flush writes it; undefined where only the database knows it. */
export function referredWritten(group: CounterGroup, change: ChangeSet<AnyEntity>): Key | undefined {
  const { uniqueKey } = group;
  if (uniqueKey === undefined) return helper(change.entity).hasPrimaryKey() ? keyWritten(change) : undefined;
  return known(keyIn([uniqueKey], payloadOf(change))) ?? referredIn(group, change);
}

function known(key: Key): Key | undefined {
  return key.every(part => part !== undefined && part !== null) ? key : undefined;
}

function keyIn(names: readonly string[], values: object): Key {
  return flat(names.map(name => (values as Record<string, unknown>)[name]));
}

/** Returns the parts of a key, which MikroORM gives as a value, a list or an object, one in another. */
export function flat(value: unknown): Key {
  if (Array.isArray(value)) return (value as unknown[]).flatMap(flat);
  return typeof value === 'object' && value !== null && isParts(value) ? Object.values(value).flatMap(flat) : [value];
}

function isParts(value: object): boolean {
  return [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
}
