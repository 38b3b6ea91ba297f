import { ChangeSetType, type AnyEntity, type ChangeSet, type EntityMetadata, type UnitOfWork } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Key } from './key.js';
import type { CounterGroup, CounterRegistry } from './registry.js';
import { keyInDatabase, keyOf, stateInMemory, watchedProperties } from './row-state.js';
import type { RowState } from './tally.js';

/** Follows one counted row through a flush. */
export interface CountedChange {
  readonly changeSet: ChangeSet<AnyEntity>;
  readonly counted: EntityMetadata;
  readonly groups: readonly CounterGroup[];
  readonly kind: ChangeKind;
  /** Holds the key that the row has before the flush; a new row may have none yet. */
  readonly key: Key;
  /** Tells whether the change can alter a count; an update that touches nothing watched cannot. */
  readonly relevant: boolean;
  /** Holds the row as the entity had it when the flush was planned. */
  readonly memory: RowState;
  /** Holds the row as it will be after the flush, once planned; null: not there. */
  after: RowState | null;
}

/** Names what a flush does to a row; early deletes and updates count as what they are. */
export type ChangeKind = 'create' | 'update' | 'delete';

/** Gives the kind of a change set. */
export function kindOf({ type }: ChangeSet<AnyEntity>): ChangeKind {
  if (type === ChangeSetType.CREATE) return 'create';
  return type === ChangeSetType.DELETE || type === ChangeSetType.DELETE_EARLY ? 'delete' : 'update';
}

/** Gives the changes of a flush that concern counted rows. */
export function countedChanges(
  em: SqlEntityManager,
  unitOfWork: UnitOfWork,
  registry: CounterRegistry,
  created: ReadonlySet<object>,
): CountedChange[] {
  return unitOfWork.getChangeSets().flatMap(changeSet => {
    const counted = changeSet.meta as unknown as EntityMetadata;
    const groups = registry.countedBy(counted);
    if (groups.length === 0) return [];
    const kind = kindOf(changeSet);
    const relevant = kind !== 'update' || watchedProperties(groups).some(name => name in changeSet.payload);
    const memory = stateInMemory(em, changeSet.entity, groups, created);
    return [{ changeSet, counted, groups, kind, key: keyInDatabase(changeSet), relevant, memory, after: null }];
  });
}

/** Names a counted row for people: `Enrollment 7`. */
export function nameOf({ counted, changeSet }: CountedChange): string {
  return `${counted.className} ${keyOf(changeSet.entity).join(', ') || '(new)'}`;
}
