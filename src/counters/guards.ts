import { helper, ReferenceKind, type EntityMetadata, type UnitOfWork } from '@mikro-orm/core';
import { kindOf } from './counted-change.js';
import { CounterError } from './errors.js';
import type { CounterGroup, CounterRegistry } from './registry.js';
import { keyOf } from './row-state.js';

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
      } else if (property in payload) {
        throw assigned(name, value, kind === 'create' ? 'Leave it out: a new row starts at 0.' : unassign(changeSet.entity));
      }
    }
  }
}

/** Refuses data for a direct write that names a stored count (COUNTER_ASSIGNED); 0 is let through where rows are new. */
export function refuseStoredCounts(registry: CounterRegistry, meta: EntityMetadata, data: object, rowsAreNew: boolean): void {
  const values = data as Record<string, unknown>;
  for (const { property, column, name } of countersOn(registry, meta)) {
    const key = [property, column].find(one => one in values);
    if (key === undefined || (rowsAreNew && [0, undefined].includes(values[key] as number))) continue;
    throw assigned(name, values[key], 'Leave it out: the counters engine alone writes it.');
  }
}

/**
 * Refuses writes of to-many collections that MikroORM does without an event for each row (COUNTER_BYPASS): replacing or
 * emptying a collection that is not loaded, and pivot tables that are counted.
 */
export function refuseCollectionWrites(unitOfWork: UnitOfWork, registry: CounterRegistry): void {
  for (const collection of unitOfWork.getCollectionUpdates()) {
    const { property } = collection;
    const written = property.kind === ReferenceKind.MANY_TO_MANY ? property.pivotEntity : collection.getSnapshot() === undefined ? property.targetMeta?.class : undefined;
    const group = registry.groups.find(({ counted }) => counted.class === (written as unknown));
    if (!group) continue;
    throw new CounterError(
      'COUNTER_BYPASS',
      `Writing the collection "${property.name}" changes ${group.counted.className} rows without hooks, so ` +
        `${group.counters.map(({ name }) => name).join(' and ')} could not be kept. Load the collection first, or use deleteWhere or updateWhere.`,
    );
  }
}

/** Gives the counters stored on an entity. */
export function countersOn(registry: CounterRegistry, meta: EntityMetadata): CounterGroup['counters'][number][] {
  return registry.storedOn(meta).flatMap(group => group.counters);
}

function unassign(entity: object): string {
  return helper(entity).__originalEntityData ? `Remove the assignment on ${keyOf(entity).join(', ')}: the counters engine alone writes it.` : 'Remove the assignment.';
}

function assigned(name: string, value: unknown, wayOut: string): CounterError {
  return new CounterError('COUNTER_ASSIGNED', `${name} is a stored count and was assigned ${JSON.stringify(value)}. ${wayOut}`);
}
