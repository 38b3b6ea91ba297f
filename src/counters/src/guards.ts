import { helper, ReferenceKind, Utils, type Collection, type EntityMetadata, type UnitOfWork } from '@mikro-orm/core';
import { kindOf } from './counted-change.js';
import { CounterError } from './errors.js';
import { bypassRefused } from './events.js';
import type { CounterGroup, CounterRegistry } from './registry.js';
import { keyOf, watchedProperties } from './row-state.js';
import { writtenColumns } from './written-columns.js';

/** Maps new targets to the counts that the engine lets them start with, by property. */
export type GivenCounts = Map<object, Record<string, number>>;

/** Refuses a flush that assigns a stored count (COUNTER_ASSIGNED), and lets the counts of new targets start at 0. */
export function refuseAssignments(unitOfWork: UnitOfWork, registry: CounterRegistry): void {
  for (const changeSet of unitOfWork.getChangeSets()) {
    const kind = kindOf(changeSet);
    if (kind === 'delete') continue;
    const payload = changeSet.payload as Record<string, unknown>;
    for (const { property, name } of countersOn(registry, changeSet.meta as unknown as EntityMetadata)) {
      const value = payload[property];
      if (kind === 'create' && (value === undefined || value === null || value === 0)) {
        payload[property] = 0;
        (changeSet.entity as Record<string, unknown>)[property] = 0;
      } else if (property in payload && isMerelyKnown(changeSet.entity, property, value)) {
        delete payload[property];
      } else if (property in payload) {
        throw assigned(
          name,
          value,
          kind === 'create' ? 'Leave it out: a new row starts at 0.' : unassign(changeSet.entity),
        );
      }
    }
  }
}

/** Refuses a stored count that a hook or another subscriber has assigned during the flush (COUNTER_ASSIGNED). */
export function refuseLateAssignments(unitOfWork: UnitOfWork, registry: CounterRegistry, given: GivenCounts): void {
  for (const changeSet of unitOfWork.getChangeSets()) {
    const kind = kindOf(changeSet);
    if (kind === 'delete') continue;
    const payload = changeSet.payload as Record<string, unknown>;
    for (const { property, name } of countersOn(registry, changeSet.meta as unknown as EntityMetadata)) {
      const right =
        kind === 'create'
          ? Number(payload[property] ?? 0) === (given.get(changeSet.entity)?.[property] ?? 0)
          : !(property in payload);
      if (!right) throw assigned(name, payload[property], 'Remove the assignment from the hook or subscriber.');
    }
  }
}

/**
 * Refuses data for a direct write that names a stored count (COUNTER_ASSIGNED); 0 is let through where rows are new.
 */
export function refuseStoredCounts(
  registry: CounterRegistry,
  meta: EntityMetadata,
  data: object,
  rowsAreNew: boolean,
): void {
  const written = writtenColumns(meta, data);
  for (const { column, name } of countersOn(registry, meta)) {
    const value = written.get(column.toLowerCase());
    if (!written.has(column.toLowerCase()) || (rowsAreNew && [0, undefined].includes(value as number))) continue;
    throw assigned(name, value, 'Leave it out: the counters engine alone writes it.');
  }
}

/**
 * Refuses writes of to-many collections that MikroORM does without an event for each row (COUNTER_BYPASS): replacing or
 * emptying a collection that is not loaded, and pivot tables that are counted.
 */
export function refuseCollectionWrites(unitOfWork: UnitOfWork, registry: CounterRegistry): void {
  // A many-to-many collection that holds its own owner waits among the extra updates.
  const waiting = [...unitOfWork.getExtraUpdates()]
    .map(([, , value]) => value as unknown)
    .filter(value => Utils.isCollection(value)) as Collection<object>[];
  for (const collection of [...unitOfWork.getCollectionUpdates(), ...waiting]) {
    const { property } = collection;
    const isPivot = property.kind === ReferenceKind.MANY_TO_MANY;
    const written = isPivot
      ? property.pivotEntity
      : collection.getSnapshot() === undefined
        ? property.targetMeta?.class
        : undefined;
    const group = registry.groups.find(({ counted }) => counted.class === (written as unknown));
    if (!group) continue;
    throw bypassRefused(
      group.counted.className,
      `Writing the collection "${property.name}" changes ${group.counted.className} rows without hooks, so ` +
        `${group.counters.map(({ name }) => name).join(' and ')} could not be kept. ` +
        (isPivot
          ? `Create and remove ${group.counted.className} entities instead.`
          : 'Load the collection first, or use deleteWhere() or updateWhere() of the counters.'),
    );
  }
}

/**
 * Refuses updates of counted rows that MikroORM has taken out of the change sets to do them in steps (COUNTER_BYPASS):
 * it does so where a unique property goes from one row to another in the same flush.
 */
export function refuseSplitUpdates(unitOfWork: UnitOfWork, registry: CounterRegistry): void {
  for (const [entity, names] of unitOfWork.getExtraUpdates()) {
    const groups = registry.countedBy(helper(entity).__meta as unknown as EntityMetadata);
    const name = watchedProperties(groups).find(one => [names].flat().includes(one));
    if (name === undefined) continue;
    throw bypassRefused(
      groups[0]!.counted.className,
      `The unique property "${name}" goes from one ${groups[0]!.counted.className} to another in one flush, which MikroORM does in steps ` +
        'without hooks. Flush the row that gives it up before the row that takes it.',
    );
  }
}

/** Gives the counters stored on an entity. */
export function countersOn(registry: CounterRegistry, meta: EntityMetadata): CounterGroup['counters'][number][] {
  return registry.storedOn(meta).flatMap(group => group.counters);
}

/**
 * Tells whether MikroORM writes a value that nobody has assigned, as it does with all it knows of an entity that
 * em.transactional() has merged into a mere reference, or whose snapshot a partial refresh has cut down to the fields
 * asked for. In the second case it is not to be told from an assignment, and is not written either way.
 */
function isMerelyKnown(entity: object, property: string, value: unknown): boolean {
  const { __originalEntityData: snapshot, __loadedProperties: loaded } = helper(entity);
  if (!snapshot) return false;
  return property in snapshot ? value === (snapshot as Record<string, unknown>)[property] : loaded.has(property);
}

function unassign(entity: object): string {
  return helper(entity).__originalEntityData
    ? `Remove the assignment on ${keyOf(entity).join(', ')}: the counters engine alone writes it.`
    : 'Remove the assignment.';
}

function assigned(name: string, value: unknown, wayOut: string): CounterError {
  return new CounterError(
    'COUNTER_ASSIGNED',
    `${name} is a stored count and was assigned ${JSON.stringify(value)}. ${wayOut}`,
  );
}
