import type { UnitOfWork } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { partsOf } from '../counts/change-parts.js';
import type { KeyedDelta } from '../counts/deltas.js';
import { onwardOf } from '../declarations/levels.js';
import type { CounterGroup } from '../declarations/counter-group.js';
import type { CounterRegistry } from '../declarations/registry.js';
import { CounterError } from '../errors.js';
import { flushesAround, type FlushAround } from '../guards/flushes.js';
import { hashOf, type Key } from '../sql/key.js';
import type { CountedChange } from './counted-changes.js';

// A flush counts its changes before it writes them. What a hook does meanwhile sees rows that are counted already.

/** What each flush under way has counted. One that fails does not forget it, and so it must end with the flush. */
const counted = new WeakMap<FlushAround, readonly CountedChange[]>();

/** Records what the flush under way of a unit of work has counted and is about to write. */
export function recordCounted(unitOfWork: UnitOfWork, changes: readonly CountedChange[]): void {
  const flush = flushesAround().findLast(one => one.unitOfWork === unitOfWork);
  if (flush) counted.set(flush, changes);
}

/** Refuses to change counted rows in a hook of a flush that is about to change the same rows (COUNTER_LATE_CHANGE). */
export function refusePendingRows(groups: readonly CounterGroup[], keys: readonly Key[]): void {
  const pending = pendingOf(groups).filter(({ kind }) => kind !== 'create');
  if (pending.length === 0) return;
  const mine = new Set(keys.map(hashOf));
  const twice = pending.find(({ key }) => mine.has(hashOf(key)));
  if (!twice) return;
  throw new CounterError(
    'COUNTER_LATE_CHANGE',
    `A hook changes ${twice.counted.className} ${twice.key.join(', ')}, which the flush around it has counted and not written yet. Change it before the flush or after it.`,
  );
}

/**
 * Refuses to change a count in a hook of a flush that has counted the move of its row and not written it yet
 * (COUNTER_LATE_CHANGE): what sums the count could not be told.
 */
export function refusePendingSums(
  em: SqlEntityManager,
  registry: CounterRegistry,
  deltas: readonly KeyedDelta[],
): void {
  if (!registry.hasLevels) return;
  for (const [group, some] of Map.groupBy(deltas, delta => delta.group))
    refusePendingRows(
      onwardOf(em, registry, group).map(onward => onward.group),
      some.map(({ target }) => target.key),
    );
}

/** Refuses to count rows in a hook of a flush that is about to change some of them (COUNTER_LATE_CHANGE). */
export function refuseToCountPendingRows(groups: readonly CounterGroup[], key: Key): void {
  const [pending] = pendingOf(groups);
  if (!pending) return;
  throw new CounterError(
    'COUNTER_LATE_CHANGE',
    `A hook recounts ${groups[0]!.target.className} ${key.join(', ')} while the flush around it has counted ${pending.counted.className} rows and not written all of them yet. Recount after the flush.`,
  );
}

/** Returns the changes of the flushes around that concern some groups and that may not be written yet. */
function pendingOf(groups: readonly CounterGroup[]): CountedChange[] {
  return flushesAround()
    .flatMap(flush => counted.get(flush) ?? [])
    .filter(
      change =>
        !partsOf(change.changeSet).every(({ persisted }) => persisted) &&
        change.groups.some(group => groups.includes(group)),
    );
}
