import { QueryHelper, type EntityMetadata, type EntityProperty } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { CounterGroup } from '../declarations/counter-group.js';
import { isColumn, watchedProperties } from '../declarations/watched-columns.js';
import { isPlainData, writtenProperties } from '../guards/direct-writes.js';

/** Returns a new row with what it leaves out, in the form of the driver's multi-row INSERT. */
export function withDefaults(
  em: SqlEntityManager,
  meta: EntityMetadata,
  groups: readonly CounterGroup[],
  makers: readonly EntityProperty[],
  row: object,
): object {
  const given = QueryHelper.processObjectParams({ ...row });
  // The driver's multi-row INSERT knows the parts of embedded objects only as properties of the row.
  const filled: Record<string, unknown> = isPlainData(meta, given)
    ? given
    : Object.fromEntries(writtenProperties(meta, given).map(({ name, value }) => [name, value]));
  const made = leftOut(meta, makers, row);
  for (const { name, onCreate } of made) filled[name] = onCreate!(filled, em);
  return withPlainDefaults(meta, groups, made.length > 0 ? QueryHelper.processObjectParams(filled) : filled);
}

/**
 * Returns a row with the defaults of the properties by which it is counted, where it leaves them out. Those of others are
 * left to MikroORM and the database.
 */
export function withPlainDefaults(meta: EntityMetadata, groups: readonly CounterGroup[], row: object): object {
  const filled: Record<string, unknown> = { ...typeOf(meta), ...row };
  for (const name of watchedProperties(groups)) {
    const property = meta.properties[name as never] as EntityProperty | undefined;
    // Rows of another type in the same table have it.
    if (!property) continue;
    const { default: value, nullable } = property;
    const isMissing = filled[name] === undefined || (filled[name] === null && nullable !== true);
    if (isMissing && value !== undefined && value !== null) filled[name] = value;
  }
  return filled;
}

/** Returns the value by which a row of a table with several types is of an entity. */
function typeOf({ root, discriminatorValue }: EntityMetadata): object {
  return root.inheritanceType === 'sti' ? { [root.discriminatorColumn!]: discriminatorValue } : {};
}

/** Returns data with the onUpdate values of the properties that they leave out, and without those that are undefined. */
export function withUpdateValues(em: SqlEntityManager, meta: EntityMetadata, data: object): object {
  const made = leftOut(meta, makersOf(meta, 'onUpdate'), data).map(({ name, onUpdate }) => [
    name,
    onUpdate!(data, em) as unknown,
  ]);
  const given = Reflect.ownKeys(data).map(name => [name, (data as Record<string | symbol, unknown>)[name]]);
  return Object.fromEntries([...given, ...made].filter(([, value]) => value !== undefined)) as object;
}

/** Returns the properties with columns to which MikroORM itself gives a value at an event. */
export function makersOf(meta: EntityMetadata, event: 'onCreate' | 'onUpdate'): EntityProperty[] {
  return meta.props.filter(property => property[event] && isColumn(property));
}

/** Returns those of some properties that data leave out. */
function leftOut(meta: EntityMetadata, properties: readonly EntityProperty[], data: object): EntityProperty[] {
  if (properties.length === 0) return [];
  const names = namesIn(meta, data);
  // A part of an embedded object has a value only where there is that object.
  return properties.filter(({ name, embedded }) => !names.has(name) && (!embedded || names.has(embedded[0])));
}

/** Returns the names of the properties that data name, with the embedded objects that they are parts of. */
function namesIn(meta: EntityMetadata, data: object): Set<string> {
  const given = Object.entries(data).filter(([, value]) => value !== undefined);
  const names = new Set(given.map(([name]) => name));
  if (isPlainData(meta, data)) return names;
  for (const { name } of writtenProperties(meta, Object.fromEntries(given))) {
    let at: string | undefined = name;
    while (at !== undefined) {
      names.add(at);
      at = (meta.properties[at as never] as EntityProperty | undefined)?.embedded?.[0];
    }
  }
  return names;
}
