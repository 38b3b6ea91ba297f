import {
  EntityIdentifier,
  helper,
  PolymorphicRef,
  Reference,
  type AnyEntity,
  type ChangeSet,
  type EntityMetadata,
} from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Values } from '../declarations/condition.js';
import type { CounterGroup } from '../declarations/counter-group.js';
import { entityOfTable, isSameTable } from '../declarations/inheritance.js';
import { columnsWatched, testsIn } from '../declarations/watched-columns.js';
import { CounterError } from '../errors.js';
import type { Row } from '../sql/fragments.js';
import { hashOf, isSameValue, type Key } from '../sql/key.js';
import { OWN_SCHEMA, schemaOf } from '../sql/schemas.js';
import { flat, referredIn, referredWritten } from './entity-keys.js';

/** A target row: by its key, or by the new entity that the same flush inserts. */
export type TargetPointer = { readonly key: Key } | { readonly created: object };

/**
 * A counted row at one moment: its watched columns, and what follows from them: the values of its condition, and its
 * target for each foreign key (null: it counts nowhere).
 *
 * Columns decide, not properties: several properties may have one column, and then a write by one of them changes what
 * the others mean.
 */
export interface RowState {
  readonly columns: Columns;
  readonly values: Values;
  readonly targets: Readonly<Record<string, TargetPointer | null>>;
}

/** The raw values of watched columns, without those that are not known. */
export type Columns = Readonly<Record<string, unknown>>;

/**
 * The targets that a flush inserts: rows may point at them as objects, or by a key that the application has made, and that
 * no target has which the flush deletes.
 */
export class CreatedTargets {
  readonly #entities: ReadonlyMap<object, ChangeSet<AnyEntity>>;
  readonly #byKey = new Map<string, object>();

  constructor(
    private readonly em: SqlEntityManager,
    creates: readonly ChangeSet<AnyEntity>[],
    deletes: readonly ChangeSet<AnyEntity>[],
    groups: readonly CounterGroup[],
  ) {
    this.#entities = new Map(creates.map(change => [change.entity as object, change]));
    const identities = (change: ChangeSet<AnyEntity>, keyIn: typeof referredIn): string[] => {
      const { meta, schema } = change;
      const mine = groups.filter(({ target }) => isSameTable(target, meta as EntityMetadata));
      return [...new Map(mine.map(group => [group.uniqueKey, group])).values()].flatMap(group => {
        const key = keyIn(group, change);
        return key ? [identityOfKey(group, schemaOf(em, meta, schema ?? OWN_SCHEMA), key)] : [];
      });
    };
    for (const change of creates)
      for (const identity of identities(change, referredWritten)) this.#byKey.set(identity, change.entity);
    if (this.#byKey.size > 0)
      for (const change of deletes) for (const identity of identities(change, referredIn)) this.#byKey.delete(identity);
  }

  /** Returns true for a new target. Refuses one in another schema than the foreign key leads to (COUNTER_TARGET_MISSING). */
  has(group: CounterGroup, entity: object): boolean {
    if (!this.#entities.has(entity)) return false;
    const { targetSchema = OWN_SCHEMA } = group;
    const schema = schemaOf(this.em, group.target, helper(entity).__schema ?? OWN_SCHEMA);
    if (schema === targetSchema) return true;
    throw new CounterError(
      'COUNTER_TARGET_MISSING',
      `A new ${group.counted.className} has its "${group.by}" in the schema "${targetSchema}", and the new ${group.target.className} is in "${schema}". Give both the same schema.`,
    );
  }

  /** Returns true for a new target that gets a key. */
  isReferredBy(group: CounterGroup, entity: object, key: Key): boolean {
    const written = referredWritten(group, this.#entities.get(entity)!);
    return written !== undefined && hashOf(written) === hashOf(key);
  }

  withKey(group: CounterGroup, key: Key): object | undefined {
    return this.#byKey.size > 0
      ? this.#byKey.get(identityOfKey(group, group.targetSchema ?? OWN_SCHEMA, key))
      : undefined;
  }
}

/** Returns the state of a new row that is written as a payload says. */
export function stateWritten(
  payload: object,
  entity: object,
  groups: readonly CounterGroup[],
  created: CreatedTargets,
): RowState {
  return stateOf(groups, columnsIn(payload, groups), entity, created);
}

/** Returns the state of a row as the entity has it in memory. */
export function stateInMemory(
  em: SqlEntityManager,
  entity: object,
  groups: readonly CounterGroup[],
  created: CreatedTargets,
): RowState {
  return stateWritten(em.getComparator().prepareEntity(entity), entity, groups, created);
}

/** Returns the state of a row as the database has it. */
export function stateInDatabase(row: Row, groups: readonly CounterGroup[]): RowState {
  const columns: Record<string, unknown> = {};
  for (const { column } of columnsWatched(groups)) columns[column] = row[column];
  for (const { typeMark } of groups) if (typeMark !== undefined) columns[typeMark] = row[typeMark];
  return stateOf(groups, columns);
}

/**
 * Returns the state of a row after a write of some of its columns. With the entity, it may point at targets that the
 * same flush inserts.
 */
export function overlaid(
  before: RowState,
  written: Columns,
  groups: readonly CounterGroup[],
  entity?: object,
  created?: CreatedTargets,
): RowState {
  return stateOf(groups, { ...before.columns, ...written }, entity, created);
}

/** Returns the watched columns that a payload, or a snapshot of an entity, writes. */
export function columnsIn(payload: object, groups: readonly CounterGroup[]): Columns {
  const values = payload as Record<string, unknown>;
  const columns: Record<string, unknown> = {};
  for (const { column, writers } of columnsWatched(groups)) {
    const writer = writers.find(({ name, owns }) => owns && name in values);
    if (writer) columns[column] = partOf(values[writer.name], writer.place);
  }
  return columns;
}

/**
 * Returns true where a payload may not give its row the columns that it seems to: where it gives one column two values
 * by two properties, or a value that only the database can know.
 */
export function isDoubtful(
  payload: object,
  columns: Columns,
  groups: readonly CounterGroup[],
  isNew: boolean,
): boolean {
  if (isNew && defaultedColumn(columns, groups) !== undefined) return true;
  const values = payload as Record<string, unknown>;
  return columnsWatched(groups).some(({ column, writers }) => {
    const value = columns[column];
    if (value !== null && typeof value === 'object' && !isPlain(value)) return true;
    return (
      writers.length > 1 &&
      writers.some(
        ({ name, place }) =>
          values[name] !== undefined && name in values && !isSameValue(partOf(values[name], place), value),
      )
    );
  });
}

/** Returns a watched column to which the database itself gives a value, because a new row's columns leave it out. */
export function defaultedColumn(columns: Columns, groups: readonly CounterGroup[]): string | undefined {
  return columnsWatched(groups).find(
    ({ column, writers }) => columns[column] === undefined && writers.some(({ defaulted }) => defaulted),
  )?.column;
}

/** Returns the key of the target that a row had when it was loaded; null: none, undefined: memory does not know. */
export function originalTarget(original: object | undefined, group: CounterGroup): Key | null | undefined {
  const columns = columnsIn(original ?? {}, [group]);
  const key = group.foreignKey.map(column => columns[column]);
  if (!group.isKnownToMemory || key.includes(undefined)) return undefined;
  return key.includes(null) || !isOfGroup(group, columns) ? null : key;
}

function stateOf(
  groups: readonly CounterGroup[],
  columns: Columns,
  entity?: object,
  created?: CreatedTargets,
): RowState {
  const values: Record<string, unknown> = {};
  for (const test of testsIn(groups)) values[test.property] = valueIn(columns, test.columns);
  const targets: Record<string, TargetPointer | null> = {};
  for (const group of groups) targets[group.slot] = targetOf(group, columns, entity, created);
  return { columns, values, targets };
}

function targetOf(
  group: CounterGroup,
  columns: Columns,
  entity: object | undefined,
  created: CreatedTargets | undefined,
): TargetPointer | null {
  if (!isOfGroup(group, columns)) return null;
  const key = group.foreignKey.map(column => columns[column]);
  // SQL's MATCH SIMPLE: a composite foreign key with any null part points nowhere.
  if (key.some(part => part === null || part === undefined)) return null;
  if (key.every(part => isPlain(part))) {
    const own = group.uniqueKey === undefined ? undefined : relatedIn(entity, group);
    // A new target may take over the unique key of one that the flush deletes.
    if (own && created?.has(group, own) && created.isReferredBy(group, own, key)) return { created: own };
    const entityOfKey = created?.withKey(group, key);
    return entityOfKey ? { created: entityOfKey } : { key };
  }
  const target = relatedIn(entity, group);
  return target && created?.has(group, target) ? { created: target } : null;
}

/** Returns true where a row and its target are of a group's types, as far as that is known. */
function isOfGroup({ discriminator, typeMark }: CounterGroup, columns: Columns): boolean {
  if (typeMark !== undefined && columns[typeMark] === null) return false;
  return !discriminator || discriminator.values.includes(columns[discriminator.column] as string);
}

function relatedIn(entity: object | undefined, { by }: CounterGroup): object | undefined {
  const related = (entity as Record<string, unknown> | undefined)?.[by];
  return typeof related === 'object' && related !== null ? Reference.unwrapReference(related) : undefined;
}

/** Returns the value of a property; that of several columns is null where one of them is, as for a foreign key. */
function valueIn(row: Columns, columns: readonly string[]): unknown {
  return columns.some(column => row[column] === null) ? null : row[columns[0]!];
}

/** Returns true for a value as the database has it, and not one that stands for a value that is not known yet. */
function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || value instanceof Date || value instanceof Uint8Array;
}

function partOf(value: unknown, place: number): unknown {
  if (value === null || value === undefined) return value;
  const part = Array.isArray(value)
    ? flat(value)[place]
    : value instanceof PolymorphicRef
      ? flat(value.toTuple())[place]
      : value;
  return part instanceof EntityIdentifier ? ((part.getValue() as unknown) ?? part) : part;
}

function identityOfKey({ target, uniqueKey = '' }: CounterGroup, schema: string, key: Key): string {
  return `${entityOfTable(target).uniqueName} ${schema} ${uniqueKey} ${hashOf(key)}`;
}
