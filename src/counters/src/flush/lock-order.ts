import type { EntityMetadata, UnitOfWork } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { keyInDatabase } from '../counts/entity-keys.js';
import { mayBeLoaded } from '../counts/loaded-targets.js';
import { isSameTable } from '../declarations/inheritance.js';
import { summedInto, withOnward } from '../declarations/levels.js';
import { keptGroups, type CounterGroup } from '../declarations/counter-group.js';
import type { CounterRegistry } from '../declarations/registry.js';
import { compareGroups, targetTableOf, type LocatedGroup } from '../declarations/schemas.js';
import { distinctKeys, type Key } from '../sql/key.js';
import { kindOf, schemaOfChange, type CountedChange } from './counted-changes.js';

/** Rows of one target table that a flush locks together, so that the table has one order of locks. */
export interface LockStep {
  readonly groups: readonly CounterGroup[];
  /** The keys to which the rows of each group refer. */
  readonly keys: ReadonlyMap<CounterGroup, readonly Key[]>;
  /** The primary keys of further rows. */
  readonly primaryKeys: readonly Key[];
  /** True for targets whose counts sum those of rows that are locked before: theirs are locked too. */
  readonly sums: boolean;
}

/**
 * Returns the target rows that a flush locks before it reads or writes anything, table by table in the order of all
 * tables.
 *
 * With only creates, and the target not in memory, the UPDATE itself is lock and delta in one statement. That works only
 * where no later table is locked: otherwise this table's UPDATE would come after that lock, against the order. With
 * `every`, all of them are locked, because triggers would lock in the order of the rows.
 */
export function lockSteps(
  em: SqlEntityManager,
  registry: CounterRegistry,
  unitOfWork: UnitOfWork,
  changes: readonly CountedChange[],
  originals: ReadonlyMap<CounterGroup, readonly Key[]>,
  every: boolean,
): LockStep[] {
  const counted = [...new Set(changes.flatMap(({ groups }) => groups))];
  // Rows whose counts are summed are locked in their own place, before the sums, also where they are counted rows.
  const between = summedGroups(em, registry, changes);
  const all = [...new Set([...counted, ...between, ...(every ? withOnward(em, registry, counted) : [])])].toSorted(
    compareGroups,
  );
  const steps = [...Map.groupBy(all, targetTableOf).values()].map(groups => {
    const { target, targetSchema } = groups[0]!;
    const mine = changes.filter(change => change.groups.some(group => groups.includes(group)));
    const keysOf = (group: CounterGroup): Key[] => {
      const pointers = mine
        .filter(change => change.kind !== 'delete' && change.groups.includes(group as LocatedGroup))
        .map(({ memory }) => memory.targets[group.slot]);
      return distinctKeys([
        ...(originals.get(group) ?? []),
        ...pointers.flatMap(pointer => (pointer && 'key' in pointer ? [pointer.key] : [])),
      ]);
    };
    const keys = new Map(groups.map(group => [group, keysOf(group)]));
    const written = writtenTargets(em, unitOfWork, target, targetSchema);
    const onlyCreates = mine.every(({ kind }) => kind === 'create') && written.length === 0;
    const sums = groups.some(({ level }) => level > 0);
    const isConcerned =
      [...keys.values()].some(some => some.length > 0) ||
      (written.length > 0 && groups.some(group => between.includes(group)));
    const isLoaded = (): boolean => groups.some(group => mayBeLoaded(em, group, keysOfAll(groups, keys, group)));
    const needed = isConcerned && (every || !onlyCreates || keptGroups(groups).length > 0 || isLoaded());
    return {
      groups,
      keys,
      primaryKeys: isConcerned ? written : [],
      sums,
      isConcerned,
      needed: needed || (every && sums),
    };
  });
  return steps
    .slice(0, steps.findLastIndex(({ needed }) => needed) + 1)
    .filter(({ isConcerned, sums }) => isConcerned || sums);
}

/** Returns the keys of a table's groups, as far as one of them knows its targets by the same column. */
function keysOfAll(
  groups: readonly CounterGroup[],
  keys: ReadonlyMap<CounterGroup, readonly Key[]>,
  { uniqueKey }: CounterGroup,
): Key[] {
  return groups.flatMap(group => (group.uniqueKey === uniqueKey ? (keys.get(group) ?? []) : []));
}

/** Returns the groups that count into changed rows, where what they store is summed. */
function summedGroups(
  em: SqlEntityManager,
  registry: CounterRegistry,
  changes: readonly CountedChange[],
): LocatedGroup[] {
  if (!registry.hasLevels) return [];
  const changed = new Set(changes.filter(({ kind }) => kind !== 'create').map(({ groups }) => groups[0]!));
  return [...changed].flatMap(({ counted, countedSchema }) => summedInto(em, registry, counted, countedSchema));
}

/** Returns the targets that the flush itself updates or deletes, so that they are locked in order with the others. */
function writtenTargets(em: SqlEntityManager, unitOfWork: UnitOfWork, target: EntityMetadata, schema: string): Key[] {
  const changeSets = unitOfWork
    .getChangeSets()
    .filter(
      changeSet => isSameTable(changeSet.meta as EntityMetadata, target) && schemaOfChange(em, changeSet) === schema,
    );
  return changeSets.filter(changeSet => kindOf(changeSet) !== 'create').map(keyInDatabase);
}
