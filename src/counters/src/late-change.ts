import type { AnyEntity, ChangeSet, UnitOfWork } from '@mikro-orm/core';
import { kindOf, nameOf, type CountedChange } from './counted-change.js';
import { isForeseeable } from './condition.js';
import { CounterError } from './errors.js';
import type { CounterRegistry } from './registry.js';
import { keyOf, overlaid, sameProperty, stateInPayload, watchedProperties } from './row-state.js';
import type { RowState, TargetPointer } from './tally.js';

/**
 * Gives the state that a planned change was counted with, and the one that the flush has written, which hooks may have
 * changed since; both point at targets by key, for all are inserted now.
 *
 * What was written is the payload's, never the entity's: that may have been changed again and not be saved yet.
 */
export function writtenStates(change: CountedChange & { readonly after: RowState }): {
  planned: RowState;
  written: RowState;
} {
  const planned = { values: change.after.values, targets: mapTargets(change.after.targets, keyed) };
  return { planned, written: overlaid(planned, stateInPayload(change.changeSet, change.groups), namesWritten(change)) };
}

/**
 * Tells whether the database may have taken a written value in another form than it was given, or has chosen it itself.
 */
export function isUncertain({ groups, kind, changeSet }: CountedChange, written: RowState): boolean {
  const named = (property: string): boolean => kind === 'create' || property in changeSet.payload;
  const comparisons = groups.flatMap(group => group.counters.flatMap(counter => counter.comparisons));
  return comparisons.some(
    comparison => named(comparison.property) && !isForeseeable(comparison, written.values[comparison.property]),
  );
}

/**
 * Refuses a flush in which a hook has changed what a row is counted by, where the plan had no part in that row
 * (COUNTER_LATE_CHANGE).
 */
export function refuseLateProperties(change: CountedChange): void {
  const { changeSet, groups } = change;
  const original = changeSet.originalEntity && stateInPayload({ payload: changeSet.originalEntity }, groups);
  const written = stateInPayload(changeSet, groups);
  const late = namesWritten(change).filter(name => !original || !sameProperty(name, original, written));
  if (late.length > 0)
    throw lateChange(
      `A hook changed ${nameOf(change)} (${late.join(', ')}) during the flush. Change it before the flush.`,
    );
}

/** Refuses a flush whose changes to counted rows are others than those planned (COUNTER_LATE_CHANGE). */
export function refuseLateChangeSets(
  unitOfWork: UnitOfWork,
  registry: CounterRegistry,
  changes: readonly CountedChange[],
): void {
  const now = unitOfWork.getChangeSets().filter(({ meta }) => registry.countedBy(meta as never).length > 0);
  const planned = new Map<ChangeSet<AnyEntity>, string>(changes.map(({ changeSet, kind }) => [changeSet, kind]));
  const late =
    now.find(changeSet => planned.get(changeSet) !== kindOf(changeSet)) ??
    (now.length < planned.size ? changes[0]?.changeSet : undefined);
  if (!late) return;
  throw lateChange(
    `Another subscriber added, dropped or turned round a change to ${late.meta.className} after the counters had planned the flush. ` +
      "Register the counters' subscriber last.",
  );
}

function namesWritten({ changeSet, groups }: CountedChange): string[] {
  return watchedProperties(groups).filter(name => name in changeSet.payload);
}

function keyed(pointer: TargetPointer | null): TargetPointer | null {
  return pointer && 'created' in pointer ? { key: keyOf(pointer.created) } : pointer;
}

function mapTargets(
  targets: RowState['targets'],
  map: (pointer: TargetPointer | null) => TargetPointer | null,
): RowState['targets'] {
  return Object.fromEntries(Object.entries(targets).map(([by, pointer]) => [by, map(pointer)]));
}

function lateChange(message: string): CounterError {
  return new CounterError('COUNTER_LATE_CHANGE', message);
}
