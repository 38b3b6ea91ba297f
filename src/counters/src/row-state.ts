import { helper, Reference, type AnyEntity, type ChangeSet, type EntityProperty } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Key } from './key.js';
import type { CounterGroup } from './registry.js';
import type { CountedRow } from './statements.js';
import { identityOf, type RowState, type TargetPointer } from './tally.js';

/** Gives the raw primary key of a managed entity, in the order of its key columns. */
export function keyOf(entity: object): Key {
  return flat(helper(entity).getPrimaryKeys(true) ?? []);
}

/** Gives the raw primary key under which the database has a change set's row: the one before the change. */
export function keyInDatabase({ entity, originalEntity, meta }: ChangeSet<AnyEntity>): Key {
  const original =
    originalEntity && flat(meta.primaryKeys.map(name => (originalEntity as Record<string, unknown>)[name]));
  return original && !original.includes(undefined) ? original : keyOf(entity);
}

/** Gives the property names that decide whether and where a row of these groups is counted. */
export function watchedProperties(groups: readonly CounterGroup[]): string[] {
  const names = groups.flatMap(group => [
    group.by,
    ...group.counters.flatMap(counter => counter.comparisons.map(({ property }) => property)),
  ]);
  return [...new Set(names)];
}

/** Gives the columns of the watched properties. */
export function watchedColumns(groups: readonly CounterGroup[]): string[] {
  return groups.flatMap(group => [
    ...group.foreignKey,
    ...group.counters.flatMap(counter => counter.comparisons.map(({ column }) => column)),
  ]);
}

/** Gives the state of a row as the entity has it in memory; `created` are the targets that the same flush inserts. */
export function stateInMemory(
  em: SqlEntityManager,
  entity: object,
  groups: readonly CounterGroup[],
  created: ReadonlySet<object>,
): RowState {
  return {
    values: em.getComparator().prepareEntity(entity) as Record<string, unknown>,
    targets: Object.fromEntries(groups.map(group => [group.by, targetInMemory(entity, group, created)])),
  };
}

/** Gives the state of a row as the database has it. */
export function stateInDatabase(row: CountedRow, groups: readonly CounterGroup[]): RowState {
  const comparisons = groups.flatMap(group => group.counters.flatMap(counter => counter.comparisons));
  return {
    values: Object.fromEntries(comparisons.map(({ property, column }) => [property, row[column]])),
    targets: Object.fromEntries(groups.map(group => [group.by, targetInDatabase(row, group)])),
  };
}

/** Gives the state of a row as a payload writes it; what the payload does not name is left out. */
export function stateInPayload({ payload }: { readonly payload: object }, groups: readonly CounterGroup[]): RowState {
  const values = payload as Record<string, unknown>;
  const written = groups.filter(({ by }) => by in values);
  const pointer = (value: unknown): TargetPointer | null =>
    value === null || value === undefined ? null : { key: flat(value) };
  return { values, targets: Object.fromEntries(written.map(({ by }) => [by, pointer(values[by])])) };
}

/** Gives the state that remains when `names` of `patch` are laid over `base`. */
export function overlaid(base: RowState, patch: RowState, names: readonly string[]): RowState {
  const pick = <Value>(from: Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));
  return { values: { ...base.values, ...pick(patch.values) }, targets: { ...base.targets, ...pick(patch.targets) } };
}

/** Gives the key of the target that a row had when it was loaded; null: none, undefined: memory does not know. */
export function originalTarget(original: object | undefined, group: CounterGroup): Key | null | undefined {
  const value = (original as Record<string, unknown> | undefined)?.[group.by];
  if (value === undefined || value === null) return value;
  const key = flat(value);
  return key.length === group.targetKey.length ? key : undefined;
}

/** Tells whether a watched property, condition or foreign key, is the same in two states. */
export function sameProperty(name: string, a: RowState, b: RowState): boolean {
  const [left, right] = [a.targets[name], b.targets[name]];
  if (left || right) return Boolean(left && right) && identityOf(left!) === identityOf(right!);
  return (a.values[name] ?? null) === (b.values[name] ?? null);
}

function targetInMemory(entity: object, group: CounterGroup, created: ReadonlySet<object>): TargetPointer | null {
  const value = Reference.unwrapReference((entity as Record<string, object>)[group.by] as object) as unknown;
  if (value === null || value === undefined) return null;
  const property = group.counted.properties[group.by as never] as EntityProperty;
  if (property.mapToPk) return { key: flat(value) };
  const target = value as object;
  return created.has(target) ? { created: target } : { key: keyOf(target) };
}

function targetInDatabase(row: CountedRow, group: CounterGroup): TargetPointer | null {
  const key = group.foreignKey.map(column => row[column]);
  // SQL's MATCH SIMPLE: a composite foreign key with any null part points nowhere.
  return key.some(part => part === null || part === undefined) ? null : { key };
}

function flat(value: unknown): Key {
  return Array.isArray(value) ? (value as unknown[]).flat(Infinity) : [value];
}
