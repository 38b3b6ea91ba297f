import { helper, Reference, type AnyEntity, type ChangeSet, type EntityProperty } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { meets, type Values } from '../declarations/condition.js';
import { testsIn, type CounterGroup } from '../declarations/registry.js';
import { CounterError } from '../errors.js';
import type { Row } from '../sql/fragments.js';
import { hashOf, type Key } from '../sql/key.js';
import { OWN_SCHEMA, schemaOf } from '../sql/schemas.js';

/** A target row: by its key, or by the new entity that the same flush inserts. */
export type TargetPointer = { readonly key: Key } | { readonly created: object };

/**
 * A counted row at one moment: the values of its condition, and its target for each foreign key (null: it counts
 * nowhere).
 */
export interface RowState {
  readonly values: Values;
  readonly targets: Readonly<Record<string, TargetPointer | null>>;
}

/** The amounts to add to one target row: one signed delta for each counter of the group, in their order. */
export interface TargetDelta {
  readonly group: CounterGroup;
  readonly target: TargetPointer;
  readonly amounts: number[];
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
      this.#row(group, before, -1);
      this.#row(group, after, +1);
    }
  }

  /** Returns the targets whose counts change, without those whose deltas cancel out. */
  deltas(): TargetDelta[] {
    return [...this.#deltas.values()]
      .flatMap(targets => [...targets.values()])
      .filter(delta => delta.amounts.some(amount => amount !== 0));
  }

  #row(group: CounterGroup, state: RowState | null, amount: number): void {
    const target = state?.targets[group.by];
    if (!state || !target) return;
    const targets = this.#deltas.get(group) ?? new Map<unknown, TargetDelta>();
    this.#deltas.set(group, targets);
    const identity = identityOf(target);
    const delta = targets.get(identity) ?? { group, target, amounts: group.counters.map(() => 0) };
    targets.set(identity, delta);
    group.counters.forEach((counter, index) => {
      if (meets(counter.condition, state.values)) delta.amounts[index]! += amount;
    });
  }
}

/** Returns the raw primary key of a managed entity, in the order of its key columns. */
export function keyOf(entity: object): Key {
  return flat(helper(entity).getPrimaryKeys(true) ?? []);
}

/** Returns the raw primary key under which the database has a change set's row: the one before the change. */
export function keyInDatabase({ entity, originalEntity, meta }: ChangeSet<AnyEntity>): Key {
  const original =
    originalEntity && flat(meta.primaryKeys.map(name => (originalEntity as Record<string, unknown>)[name]));
  return original && !original.includes(undefined) ? original : keyOf(entity);
}

/** Returns the state of a row as the entity has it in memory. `created` are the targets that the same flush inserts. */
export function stateInMemory(
  em: SqlEntityManager,
  entity: object,
  groups: readonly CounterGroup[],
  created: ReadonlySet<object>,
): RowState {
  return {
    values: em.getComparator().prepareEntity(entity) as Record<string, unknown>,
    targets: Object.fromEntries(groups.map(group => [group.by, targetInMemory(em, entity, group, created)])),
  };
}

/** Returns the state of a row as the database has it. */
export function stateInDatabase(row: Row, groups: readonly CounterGroup[]): RowState {
  return {
    values: Object.fromEntries(testsIn(groups).map(({ property, columns }) => [property, valueIn(row, columns)])),
    targets: Object.fromEntries(groups.map(group => [group.by, targetInDatabase(row, group)])),
  };
}

/** Returns the state of a row as a payload writes it, without what the payload does not name. */
export function stateInPayload({ payload }: { readonly payload: object }, groups: readonly CounterGroup[]): RowState {
  const values = payload as Record<string, unknown>;
  const written = groups.filter(({ by }) => by in values);
  const pointer = (value: unknown): TargetPointer | null =>
    value === null || value === undefined ? null : { key: flat(value) };
  return { values, targets: Object.fromEntries(written.map(({ by }) => [by, pointer(values[by])])) };
}

/** Returns `base` with those of its values and targets replaced by those of `patch` that are listed in `names`. */
export function overlaid(base: RowState, patch: RowState, names: readonly string[]): RowState {
  const pick = <Value>(from: Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));
  return { values: { ...base.values, ...pick(patch.values) }, targets: { ...base.targets, ...pick(patch.targets) } };
}

/** Returns the key of the target that a row had when it was loaded; null: none, undefined: memory does not know. */
export function originalTarget(original: object | undefined, group: CounterGroup): Key | null | undefined {
  const value = (original as Record<string, unknown> | undefined)?.[group.by];
  if (value === undefined || value === null) return value;
  const key = flat(value);
  return key.length === group.targetKey.length ? key : undefined;
}

/** Returns true for a watched property, condition or foreign key, that is the same in two states. */
export function sameProperty(name: string, a: RowState, b: RowState): boolean {
  const [left, right] = [a.targets[name], b.targets[name]];
  if (left || right) return Boolean(left && right) && identityOf(left!) === identityOf(right!);
  return comparable(a.values[name]) === comparable(b.values[name]);
}

/** Returns the value of a property; that of several columns is null where one of them is, as for a foreign key. */
function valueIn(row: Row, columns: readonly string[]): unknown {
  return columns.some(column => row[column] === null) ? null : row[columns[0]!];
}

function comparable(value: unknown): unknown {
  return value instanceof Date ? value.getTime() : (value ?? null);
}

/** Returns a value that is equal for two pointers at the same target row of one table. */
function identityOf(target: TargetPointer): unknown {
  return 'key' in target ? hashOf(target.key) : target.created;
}

function targetInMemory(
  em: SqlEntityManager,
  entity: object,
  group: CounterGroup,
  created: ReadonlySet<object>,
): TargetPointer | null {
  const value = Reference.unwrapReference((entity as Record<string, object>)[group.by] as object) as unknown;
  if (value === null || value === undefined) return null;
  const property = group.counted.properties[group.by as never] as EntityProperty;
  if (property.mapToPk) return { key: flat(value) };
  const target = value;
  if (!created.has(target)) return { key: keyOf(target) };
  refuseOtherSchema(em, target, group);
  return { created: target };
}

/** Refuses a row whose foreign key leads to another schema than the one of its new target (COUNTER_TARGET_MISSING). */
function refuseOtherSchema(em: SqlEntityManager, target: object, group: CounterGroup): void {
  const { targetSchema = OWN_SCHEMA } = group;
  const schema = schemaOf(em, group.target, helper(target).__schema ?? OWN_SCHEMA);
  if (schema === targetSchema) return;
  throw new CounterError(
    'COUNTER_TARGET_MISSING',
    `A new ${group.counted.className} has its "${group.by}" in the schema "${targetSchema}", and the new ${group.target.className} is in "${schema}". Give both the same schema.`,
  );
}

function targetInDatabase(row: Row, group: CounterGroup): TargetPointer | null {
  const key = group.foreignKey.map(column => row[column]);
  // SQL's MATCH SIMPLE: a composite foreign key with any null part points nowhere.
  return key.some(part => part === null || part === undefined) ? null : { key };
}

function flat(value: unknown): Key {
  return Array.isArray(value) ? (value as unknown[]).flat(Infinity) : [value];
}
