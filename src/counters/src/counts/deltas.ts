import {
  EntityIdentifier,
  helper,
  Reference,
  type AnyEntity,
  type ChangeSet,
  type EntityMetadata,
} from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { amountIn } from '../declarations/amounts.js';
import type { Values } from '../declarations/condition.js';
import { entityOfTable, isSameTable } from '../declarations/inheritance.js';
import type { CounterGroup } from '../declarations/counter-group.js';
import { columnsWatched, testsIn } from '../declarations/watched-columns.js';
import { CounterError } from '../errors.js';
import type { Row } from '../sql/fragments.js';
import { hashOf, isSameValue, type Key } from '../sql/key.js';
import { OWN_SCHEMA, schemaOf } from '../sql/schemas.js';

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
  readonly #entities: ReadonlySet<object>;
  readonly #byKey = new Map<string, object>();

  constructor(
    private readonly em: SqlEntityManager,
    creates: readonly ChangeSet<AnyEntity>[],
    deletes: readonly ChangeSet<AnyEntity>[],
    groups: readonly CounterGroup[],
  ) {
    this.#entities = new Set(creates.map(({ entity }) => entity as object));
    const identity = ({ meta, schema, entity }: ChangeSet<AnyEntity>): string =>
      identityOfKey(meta, schemaOf(em, meta, schema ?? OWN_SCHEMA), keyOf(entity));
    for (const change of creates) {
      if (
        groups.some(({ target }) => isSameTable(target, change.meta as EntityMetadata)) &&
        helper(change.entity).hasPrimaryKey()
      )
        this.#byKey.set(identity(change), change.entity);
    }
    if (this.#byKey.size > 0) for (const change of deletes) this.#byKey.delete(identity(change));
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

  withKey({ target, targetSchema = OWN_SCHEMA }: CounterGroup, key: Key): object | undefined {
    return this.#byKey.size > 0 ? this.#byKey.get(identityOfKey(target, targetSchema, key)) : undefined;
  }
}

/**
 * The amounts to add to one target row: one signed delta for each counter of the group, in their order and in the units
 * of their columns.
 */
export interface TargetDelta {
  readonly group: CounterGroup;
  readonly target: TargetPointer;
  readonly amounts: bigint[];
}

/** The amounts to add to a target row that exists. */
export interface KeyedDelta extends TargetDelta {
  readonly target: { readonly key: Key };
}

/** The sum of the deltas of many row changes, so that each target row is written once. */
export class Tally {
  readonly #deltas = new Map<CounterGroup, Map<unknown, TargetDelta>>();

  /** Adds the effect of one row that goes from `before` to `after`; null stands for a row that does not exist. */
  change(groups: readonly CounterGroup[], before: RowState | null, after: RowState | null): void {
    for (const group of groups) {
      this.#row(group, before, -1n);
      this.#row(group, after, 1n);
    }
  }

  /** Adds amounts that were summed before. */
  add({ group, target, amounts }: TargetDelta): void {
    this.#at(group, target).amounts.forEach((_, index, mine) => (mine[index]! += amounts[index]!));
  }

  /** Returns the targets whose counts change, without those whose deltas cancel out. */
  deltas(): TargetDelta[] {
    return [...this.#deltas.values()]
      .flatMap(targets => [...targets.values()])
      .filter(delta => delta.amounts.some(amount => amount !== 0n));
  }

  #row(group: CounterGroup, state: RowState | null, sign: bigint): void {
    const target = state?.targets[group.by];
    if (!state || !target) return;
    const delta = this.#at(group, target);
    group.counters.forEach((counter, index) => {
      delta.amounts[index]! += sign * amountIn(counter, state.values);
    });
  }

  #at(group: CounterGroup, target: TargetPointer): TargetDelta {
    const targets = this.#deltas.get(group) ?? new Map<unknown, TargetDelta>();
    this.#deltas.set(group, targets);
    const identity = identityOf(target);
    const delta = targets.get(identity) ?? { group, target, amounts: group.counters.map(() => 0n) };
    targets.set(identity, delta);
    return delta;
  }
}

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
export function keyWritten({ entity, originalEntity, payload, meta }: ChangeSet<AnyEntity>): Key {
  const written = keyIn(meta.primaryKeys, { ...originalEntity, ...payload });
  return written.includes(undefined) ? keyOf(entity) : written;
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
  return key.includes(null) ? null : key;
}

/** Returns a value that is equal for two pointers at the same target row of one table. */
function identityOf(target: TargetPointer): unknown {
  return 'key' in target ? hashOf(target.key) : target.created;
}

function identityOfKey(meta: EntityMetadata, schema: string, key: Key): string {
  return `${entityOfTable(meta).uniqueName} ${schema} ${hashOf(key)}`;
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
  for (const group of groups) targets[group.by] = targetOf(group, columns, entity, created);
  return { columns, values, targets };
}

function targetOf(
  group: CounterGroup,
  columns: Columns,
  entity: object | undefined,
  created: CreatedTargets | undefined,
): TargetPointer | null {
  const key = group.foreignKey.map(column => columns[column]);
  // SQL's MATCH SIMPLE: a composite foreign key with any null part points nowhere.
  if (key.some(part => part === null || part === undefined)) return null;
  if (key.every(part => isPlain(part))) {
    const entityOfKey = created?.withKey(group, key);
    return entityOfKey ? { created: entityOfKey } : { key };
  }
  const target = Reference.unwrapReference((entity as Record<string, object> | undefined)?.[group.by] as object);
  return target && created?.has(group, target) ? { created: target } : null;
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
  const part = Array.isArray(value) ? flat(value)[place] : value;
  return part instanceof EntityIdentifier ? ((part.getValue() as unknown) ?? part) : part;
}

function keyIn(names: readonly string[], values: object): Key {
  return flat(names.map(name => (values as Record<string, unknown>)[name]));
}

/** Returns the parts of a key, which MikroORM gives as a value, a list or an object, one in another. */
function flat(value: unknown): Key {
  if (Array.isArray(value)) return (value as unknown[]).flatMap(flat);
  return typeof value === 'object' && value !== null && isParts(value) ? Object.values(value).flatMap(flat) : [value];
}

function isParts(value: object): boolean {
  return [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
}
