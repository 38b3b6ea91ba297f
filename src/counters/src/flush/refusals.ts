import {
  ChangeSetType,
  helper,
  ReferenceKind,
  Utils,
  type AnyEntity,
  type ChangeSet,
  type Collection,
  type EntityMetadata,
  type UnitOfWork,
} from '@mikro-orm/core';
import { keyOf, referredIn, referredWritten } from '../counts/entity-keys.js';
import { payloadOf } from '../counts/change-parts.js';
import { columnsIn } from '../counts/row-states.js';
import { entityOfTable, isSameTable } from '../declarations/inheritance.js';
import type { CounterGroup } from '../declarations/counter-group.js';
import type { CounterRegistry } from '../declarations/registry.js';
import { watchedProperties } from '../declarations/watched-columns.js';
import { CounterError } from '../errors.js';
import { bypassRefused } from '../events.js';
import { hashOf, isSameValue, type Key } from '../sql/key.js';
import { isCounted, kindOf, nameOf, namesWritten, type CountedChange } from './counted-changes.js';

/**
 * Refuses writes of to-many collections that MikroORM does without an event for each row (COUNTER_BYPASS): replacing or
 * emptying a collection that is not loaded, and writing a pivot table that is counted.
 */
export function refuseCollectionWrites(unitOfWork: UnitOfWork, registry: CounterRegistry): void {
  // A many-to-many collection that contains its own owner waits among the extra updates.
  const waiting = [...unitOfWork.getExtraUpdates()]
    .map(([, , value]): unknown => value)
    .filter((value): value is Collection<object> => Utils.isCollection(value));
  for (const collection of [...unitOfWork.getCollectionUpdates(), ...waiting]) {
    const { property } = collection;
    const isPivot = property.kind === ReferenceKind.MANY_TO_MANY;
    const written = isPivot
      ? property.pivotEntity
      : collection.getSnapshot() === undefined
        ? property.targetMeta && entityOfTable(property.targetMeta).class
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
 * Refuses updates of counted rows that MikroORM has taken out of the change sets in order to do them in steps
 * (COUNTER_BYPASS). It does so where a unique property goes from one row to another in the same flush.
 */
export function refuseSplitUpdates(unitOfWork: UnitOfWork, registry: CounterRegistry): void {
  for (const [entity, names] of unitOfWork.getExtraUpdates()) {
    const groups = registry.countedBy(helper(entity).__meta);
    const name = watchedProperties(groups).find(one => [names].flat().includes(one));
    if (name === undefined) continue;
    throw bypassRefused(
      groups[0]!.counted.className,
      `The unique property "${name}" goes from one ${groups[0]!.counted.className} to another in one flush, which MikroORM does in steps ` +
        'without hooks. Flush the row that gives it up before the row that takes it.',
    );
  }
}

// A flush may contain only one change per row, because every delta is computed from the row's state before the flush.
// MikroORM does not ensure that after a rollback: entities whose insert was rolled back keep their keys.

/** Refuses a flush in which two entities stand for the same row (COUNTER_CONFLICT), because each would be counted. */
export function refuseTwins(changes: Iterable<readonly [change: CountedChange, key: Key]>): void {
  const seen = new Set<string>();
  for (const [change, key] of changes) {
    const identity = identityOf(change, key);
    if (seen.has(identity))
      throw conflict(
        change,
        'is changed through two entities at once, one of them left over from a transaction that was rolled back or from another entity manager',
      );
    seen.add(identity);
  }
}

/**
 * Refuses a change of a row that did not exist, where the same flush has inserted another row under its key
 * (COUNTER_CONFLICT): SQLite uses the keys of rolled back rows again.
 */
export function refuseReusedKeys(vanished: readonly CountedChange[], changes: readonly CountedChange[]): void {
  if (vanished.length === 0) return;
  const gone = new Set(vanished.map(change => identityOf(change, change.key)));
  const reused = changes.find(
    change => change.kind === 'create' && gone.has(identityOf(change, keyOf(change.changeSet.entity))),
  );
  if (reused) throw conflict(reused, 'was gone, and this flush inserts another row under its key');
}

/**
 * Refuses a row that names its target by a key which the same flush deletes and inserts again (COUNTER_BYPASS), because
 * nothing says which of the two it means.
 */
export function refuseReplacedTargets(unitOfWork: UnitOfWork, changes: readonly CountedChange[]): void {
  const changeSets = unitOfWork.getChangeSets();
  if (!changeSets.some(({ type }) => type === ChangeSetType.DELETE_EARLY)) return;
  const keysOf = (kind: string, group: CounterGroup): Set<string> =>
    new Set(
      changeSets
        .filter(changeSet => kindOf(changeSet) === kind && isSameTable(changeSet.meta as EntityMetadata, group.target))
        .flatMap(changeSet => {
          const key = (kind === 'delete' ? referredIn : referredWritten)(group, changeSet);
          return key ? [hashOf(key)] : [];
        }),
    );
  for (const group of new Set(changes.flatMap(({ groups }) => groups))) {
    const { target, by, slot, counted } = group;
    const [deleted, created] = [keysOf('delete', group), keysOf('create', group)];
    for (const change of changes) {
      const pointer = change.counted === counted && namesWritten(change).includes(by) && change.memory.targets[slot];
      if (!pointer || !('key' in pointer) || !deleted.has(hashOf(pointer.key)) || !created.has(hashOf(pointer.key)))
        continue;
      throw bypassRefused(
        counted.className,
        `${nameOf(change)} names ${target.className} ${pointer.key.join(', ')} by its key, which this flush deletes and inserts again. Give it the new entity, or flush the removal first.`,
      );
    }
  }
}

/**
 * Refuses a flush in which a hook has changed what a row is counted by, where the plan did not include that row
 * (COUNTER_LATE_CHANGE).
 */
export function refuseLateProperties(change: CountedChange): void {
  const { changeSet, groups } = change;
  const original = changeSet.originalEntity && columnsIn(changeSet.originalEntity, groups);
  const written = Object.entries(columnsIn(payloadOf(changeSet), groups));
  const isLate = written.some(([column, value]) => !original || !isSameValue(original[column], value));
  const late = isLate ? namesWritten(change) : [];
  if (late.length > 0)
    throw lateChange(
      `A hook changed ${nameOf(change)} (${late.join(', ')}) during the flush. Change it before the flush.`,
    );
}

/** Refuses a flush whose changes of counted rows are not those that were planned (COUNTER_LATE_CHANGE). */
export function refuseLateChangeSets(
  unitOfWork: UnitOfWork,
  registry: CounterRegistry,
  changes: readonly CountedChange[],
): void {
  const now = unitOfWork.getChangeSets().filter(changeSet => isCounted(registry, changeSet));
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

function identityOf({ counted, groups }: CountedChange, key: Key): string {
  return `${groups[0]!.countedSchema} ${counted.className} ${hashOf(key)}`;
}

function conflict(change: CountedChange, problem: string): CounterError {
  return new CounterError(
    'COUNTER_CONFLICT',
    `${nameOf(change)} ${problem}. Load it again in a new transaction and repeat the change.`,
  );
}

function lateChange(message: string): CounterError {
  return new CounterError('COUNTER_LATE_CHANGE', message);
}
