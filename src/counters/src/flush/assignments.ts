import { helper, type UnitOfWork } from '@mikro-orm/core';
import { payloadWith } from '../counts/change-parts.js';
import { setValue } from '../counts/value-on-entity.js';
import { keyOf } from '../counts/entity-keys.js';
import { unitsOfValue, valueOf, writtenValue } from '../declarations/amounts.js';
import type { CounterRegistry } from '../declarations/registry.js';
import { countAssigned } from '../guards/direct-writes.js';
import { kindOf } from './counted-changes.js';

/** The counts with which new targets are inserted, by property and in the units of their columns. */
export type InitialCounts = Map<object, Record<string, bigint>>;

/** Refuses a flush that assigns a stored count (COUNTER_ASSIGNED), and lets the counts of new targets start at 0. */
export function refuseAssignments(unitOfWork: UnitOfWork, registry: CounterRegistry): void {
  for (const changeSet of unitOfWork.getChangeSets()) {
    const kind = kindOf(changeSet);
    if (kind === 'delete') continue;
    for (const counter of registry.countersOn(changeSet.meta)) {
      const { property, name } = counter;
      const payload = payloadWith(changeSet, property);
      const value = payload[property];
      if (kind === 'create' && unitsOfValue(counter, value ?? 0) === 0n) {
        const count = valueOf(counter, 0n);
        payload[property] = writtenValue(counter, count);
        setValue(changeSet.entity, counter, count);
      } else if (property in payload && isMerelyKnown(changeSet.entity, property, value)) {
        delete payload[property];
      } else if (property in payload) {
        throw countAssigned(
          name,
          value,
          kind === 'create' ? 'Leave it out: a new row starts at 0.' : removalHint(changeSet.entity),
        );
      }
    }
  }
}

/** Refuses a stored count that a hook or another subscriber has assigned during the flush (COUNTER_ASSIGNED). */
export function refuseLateAssignments(unitOfWork: UnitOfWork, registry: CounterRegistry, initial: InitialCounts): void {
  for (const changeSet of unitOfWork.getChangeSets()) {
    const kind = kindOf(changeSet);
    if (kind === 'delete') continue;
    for (const counter of registry.countersOn(changeSet.meta)) {
      const { property, name } = counter;
      const payload = payloadWith(changeSet, property);
      const isRight =
        kind === 'create'
          ? unitsOfValue(counter, payload[property] ?? 0) === (initial.get(changeSet.entity)?.[property] ?? 0n)
          : !(property in payload);
      if (!isRight) throw countAssigned(name, payload[property], 'Remove the assignment from the hook or subscriber.');
    }
  }
}

/**
 * Returns true for a value that MikroORM writes although nobody has assigned it. It writes everything that it knows of
 * an entity that em.transactional() has merged into a mere reference, or whose snapshot a partial refresh has reduced to
 * the fields that were selected. In the second case it cannot be told from an assignment, and is not written either way.
 */
function isMerelyKnown(entity: object, property: string, value: unknown): boolean {
  const { __originalEntityData: snapshot, __loadedProperties: loaded } = helper(entity);
  if (!snapshot) return false;
  return property in snapshot ? value === (snapshot as Record<string, unknown>)[property] : loaded.has(property);
}

function removalHint(entity: object): string {
  return helper(entity).__originalEntityData
    ? `Remove the assignment on ${keyOf(entity).join(', ')}: the counters engine alone writes it.`
    : 'Remove the assignment.';
}
