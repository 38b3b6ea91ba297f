import {
  ChangeSetType,
  helper,
  type AnyEntity,
  type ChangeSet,
  type EntityMetadata,
  type Transaction,
  type UnitOfWork,
} from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { payloadOf, payloadWith } from '../counts/change-parts.js';
import { Tally, type KeyedDelta, type TargetDelta } from '../counts/deltas.js';
import { keyInDatabase, keyOf, keyWritten, referredWritten } from '../counts/entity-keys.js';
import { refuseReferredTargets, targetExists, withoutLostTargets } from '../counts/kept-targets.js';
import { columnsIn, CreatedTargets, overlaid, type RowState } from '../counts/row-states.js';
import { setValue } from '../counts/value-on-entity.js';
import { withoutCounters, type SomeCounters } from '../counts/rollouts.js';
import { noteShown } from '../counts/shown-values.js';
import { StoredCounts, targetMissing } from '../counts/stored-counts.js';
import { valueOf, writtenValue } from '../declarations/amounts.js';
import { entityOfTable, isSameTable } from '../declarations/inheritance.js';
import { withOnward } from '../declarations/levels.js';
import { keptGroups, type CounterGroup, type ResolvedCounter } from '../declarations/counter-group.js';
import type { CounterRegistry } from '../declarations/registry.js';
import { compareGroups, groupsInto, refuseTwin, type LocatedGroup } from '../declarations/schemas.js';
import { touchedBy } from '../declarations/touches.js';
import { CounterError } from '../errors.js';
import { hashOf, isNumeric, type Key } from '../sql/key.js';
import { leftToTriggers, requireTriggers } from '../triggers/strategy.js';
import { refuseAssignments, refuseLateAssignments, type InitialCounts } from './assignments.js';
import {
  countedChanges,
  isAsPlanned,
  isUncertain,
  kindOf,
  nameOf,
  originalTargets,
  planAgain,
  readRows,
  schemaOfChange,
  writtenStates,
  type CountedChange,
} from './counted-changes.js';
import { lockSteps } from './lock-order.js';
import { recordCounted, refusePendingRows, refusePendingSums } from './pending-changes.js';
import {
  refuseCollectionWrites,
  refuseLateChangeSets,
  refuseLateProperties,
  refuseReplacedTargets,
  refuseReusedKeys,
  refuseSplitUpdates,
  refuseTwins,
} from './refusals.js';

/**
 * The counting of one flush: `prepare` runs in its transaction before any of its SQL, `settle` after all of it,
 * `refresh` when it has succeeded, and `undo` when it has been rolled back.
 *
 * The order is the protocol: lock the targets in ascending order, read the counted rows under those locks, change the
 * stored counts; only then does the flush touch the counted rows themselves.
 */
export class FlushPlan {
  readonly #changes: readonly CountedChange[];
  readonly #initial: InitialCounts = new Map();
  /** The changes of rows that did not exist when the flush began. */
  readonly #vanished: CountedChange[] = [];
  readonly #created: CreatedTargets;
  /** The changes of the keys of targets. */
  readonly #renamed: readonly ChangeSet<AnyEntity>[];
  /** The keys that rows have only at the end of the flush: those of new rows, and new ones of rows that exist. */
  readonly #comingKeys: ReadonlyMap<string, ReadonlySet<string>>;
  /** The targets that go or get other keys, and that no foreign key of the database keeps. */
  readonly #lost: readonly (readonly [group: LocatedGroup, key: Key])[];
  /** The keys of such targets that rows refer to and that are to be there at the end of the flush. */
  readonly #expected: (readonly [group: CounterGroup, key: Key])[] = [];
  /** What is counted into such rows at the end of the flush. */
  readonly #coming: KeyedDelta[] = [];
  #stored: StoredCounts | undefined;
  /** True where triggers change the stored counts, so that the flush only takes the locks. */
  #leftToTriggers: boolean;
  /** The counters that triggers keep, where the flush counts the others. */
  #left: SomeCounters = new Map();

  constructor(
    private readonly registry: CounterRegistry,
    private readonly em: SqlEntityManager,
    private readonly unitOfWork: UnitOfWork,
  ) {
    this.#leftToTriggers = registry.strategy === 'triggers';
    if (!this.#leftToTriggers) {
      refuseCollectionWrites(unitOfWork, registry);
      refuseSplitUpdates(unitOfWork, registry);
    }
    refuseAssignments(unitOfWork, registry);
    for (const { meta, schema } of unitOfWork.getChangeSets()) refuseTwin(em, registry, meta, schema);
    const [creates = [], deletes = []] = (['create', 'delete'] as const).map(kind =>
      unitOfWork.getChangeSets().filter(changeSet => kindOf(changeSet) === kind),
    );
    // Targets that the flush inserts have no row to lock yet.
    this.#created = new CreatedTargets(em, creates, deletes, registry.groups);
    this.#changes = countedChanges(em, unitOfWork, registry, this.#created);
    this.#renamed = unitOfWork
      .getChangeSets()
      .filter(one => kindOf(one) === 'update' && keyNames(registry, one).some(name => name in payloadOf(one)));
    this.#lost = keptGroups(registry.groups).length === 0 ? [] : this.#lostTargets([...deletes, ...this.#renamed]);
    this.#comingKeys = comingKeys(registry.groups, [...creates, ...this.#renamed]);
  }

  /** True where the flush writes counted rows. */
  get concernsCounts(): boolean {
    return this.#changes.length > 0;
  }

  /** Locks what must be locked and changes the stored counts. */
  async prepare(transaction: Transaction): Promise<void> {
    // A flush that waited for another one of the same entity manager runs inside that one, which may have failed.
    recordCounted(this.unitOfWork, []);
    const relevant = this.#changes.filter(change => change.relevant);
    if (relevant.length === 0) return;
    const stored = (this.#stored = new StoredCounts(this.em, transaction));
    const existing = relevant.filter(change => change.kind !== 'create');
    const groups = groupsOfChanges(relevant);
    const concerned = withOnward(this.em, this.registry, groups);
    const { all, some: left } = await leftToTriggers(this.em, transaction, this.registry, concerned);
    this.#leftToTriggers = all;
    this.#left = left;
    if (!this.#leftToTriggers) {
      refuseTwins(existing.map(change => [change, change.key]));
      refuseReplacedTargets(this.unitOfWork, relevant);
    }
    const originals = await originalTargets(this.em, transaction, existing);
    for (const { groups: some, keys, primaryKeys, sums } of lockSteps(
      this.em,
      this.registry,
      this.unitOfWork,
      relevant,
      originals,
      all || left.size > 0,
    )) {
      const keysOf = (group: CounterGroup): Key[] => [...keys.get(group)!, ...(sums ? stored.onwardKeys(group) : [])];
      await stored.lockTogether(some, keysOf, primaryKeys);
    }
    if (this.#leftToTriggers) {
      await requireTriggers(this.em, transaction, this.registry, concerned);
      return this.#refuseMissingTargets(relevant, stored);
    }
    for (const [mineOf, mine] of Map.groupBy(existing, change => change.groups))
      refusePendingRows(
        mineOf,
        mine.map(({ key }) => key),
      );
    // Rows whose own counts are summed come after those that are counted into them, with the counts that they have then.
    const ranks = Map.groupBy(relevant, ({ counted }) => this.registry.rankOf(counted));
    const counted: CountedChange[] = [];
    let onward: readonly TargetDelta[] = [];
    for (let rank = 0; rank <= Math.max(...ranks.keys()) || onward.length > 0; rank += 1) {
      const mine = ranks.get(rank) ?? [];
      const tally = await this.#counted(mine, transaction, stored);
      for (const delta of onward) tally.add(delta);
      counted.push(...mine);
      recordCounted(this.unitOfWork, counted);
      onward = await this.#apply(withoutCounters(tally.deltas(), left), stored);
    }
    for (const group of groups) for (const key of this.#deletedTargets(group)) stored.forget(group, key);
  }

  /** Reads the rows of changes under the locks of their targets, and counts the changes. */
  async #counted(changes: readonly CountedChange[], transaction: Transaction, stored: StoredCounts): Promise<Tally> {
    const existing = changes.filter(change => change.kind !== 'create');
    const rows = await readRows(this.em, transaction, existing, ({ key }) => key, true);
    refuseTwins([...rows].map(([change, { key }]) => [change, key]));
    const tally = new Tally();
    for (const change of changes) {
      const before = rows.get(change)?.state ?? null;
      // Another transaction has deleted the row since it was loaded, and has counted that.
      if (!before && change.kind !== 'create') {
        this.#vanished.push(change);
        continue;
      }
      if (!before && this.registry.rankOf(change.counted) > 0) planAgain(change, this.#created);
      const mayCome = (group: CounterGroup, key: Key): boolean => {
        const may = this.#mayCome(group, key);
        if (may) this.#expected.push([group, key]);
        return may;
      };
      const planned = this.#stateAfter(change, before);
      const [was, after] =
        keptGroups(change.groups).length === 0
          ? [before, planned]
          : await withoutLostTargets(this.em, stored, change.groups, before, planned, mayCome);
      if (was) await this.#requireLocked(change, was, stored);
      change.after = after;
      tally.change(change.groups, was, after);
    }
    return tally;
  }

  /** Counts what hooks and the database changed after `prepare`, so that the flush ends exact. */
  async settle(transaction: Transaction): Promise<void> {
    recordCounted(this.unitOfWork, []);
    for (const [group, lost] of Map.groupBy(this.#lost, ([one]) => one))
      await refuseReferredTargets(
        this.em,
        transaction,
        group,
        lost.map(([, key]) => key),
      );
    if (this.#leftToTriggers) return this.#reread();
    refuseLateChangeSets(this.unitOfWork, this.registry, this.#changes);
    refuseReusedKeys(this.#vanished, this.#changes);
    refuseLateAssignments(this.unitOfWork, this.registry, this.#initial);
    this.#changes.filter(({ kind, relevant }) => kind === 'update' && !relevant).forEach(refuseLateProperties);
    const counted = this.#changes.filter(
      (change): change is CountedChange & { after: RowState } => change.after !== null,
    );
    // A row that is deleted before others are written can take some of them along, by the rule of a foreign key.
    const deletesEarly = this.unitOfWork.getChangeSets().some(({ type }) => type === ChangeSetType.DELETE_EARLY);
    const mayBeGone = ({ kind }: CountedChange): boolean => deletesEarly && kind === 'update';
    const doubtful = counted.filter(
      change => mayBeGone(change) || !isAsPlanned(change) || isUncertain(change, change.after),
    );
    const states = new Map(doubtful.map(change => [change as CountedChange, writtenStates(change)]));
    // Where a row has parts, MikroORM may not write one that a hook adds.
    const hasParts = ({ kind, changeSet }: CountedChange): boolean =>
      kind === 'update' && changeSet.tptChangeSets !== undefined;
    const uncertain = doubtful.filter(
      change => mayBeGone(change) || hasParts(change) || isUncertain(change, states.get(change)!.written),
    );
    const read = await readRows(this.em, transaction, uncertain, ({ changeSet }) => keyWritten(changeSet), false);
    const tally = new Tally();
    for (const [change, { planned, written }] of states) {
      const now = read.get(change)?.state ?? (mayBeGone(change) ? null : written);
      if (keptGroups(change.groups).length === 0) tally.change(change.groups, planned, now);
      else {
        const stored = (this.#stored ??= new StoredCounts(this.em, transaction));
        tally.change(change.groups, ...(await withoutLostTargets(this.em, stored, change.groups, planned, now)));
      }
    }
    for (const [group, key] of this.#expected)
      if (!(await targetExists(this.em, transaction, group, key))) throw targetMissing(group, key);
    for (const delta of this.#coming) tally.add(delta);
    await this.#applyAtEnd(withoutCounters(tally.deltas() as KeyedDelta[], this.#left), transaction);
    if (this.#left.size > 0) await this.#reread();
  }

  async #applyAtEnd(deltas: readonly KeyedDelta[], transaction: Transaction): Promise<void> {
    if (deltas.length === 0) return;
    const stored = (this.#stored ??= new StoredCounts(this.em, transaction));
    for (const group of groupsOfChanges(this.#changes)) {
      await stored.lock(
        group,
        deltas.filter(delta => delta.group === group).map(({ target }) => target.key),
      );
    }
    const onward = await this.#apply(deltas, stored, true);
    await stored.addThroughLevels(onward, this.#left, true);
  }

  /**
   * Gives a target that MikroORM is about to write the version that triggers have given its row meanwhile, so that the
   * comparison of versions sees the changes of others alone.
   */
  async beforeUpdate({ entity, meta }: ChangeSet<AnyEntity>): Promise<void> {
    if (!this.#leftToTriggers && this.#left.size === 0) return;
    if (!meta.versionProperty || !this.#stored) return;
    for (const group of withOnward(this.em, this.registry, groupsOfChanges(this.#changes)))
      if (
        isSameTable(meta as EntityMetadata, group.target) &&
        touchedBy(group.counters).some(({ touch }) => touch.isVersion)
      )
        await this.#stored.showVersion(group, keyOf(entity), entity);
  }

  /** Puts the true stored counts into the loaded targets. */
  refresh(): void {
    // MikroORM keeps an entity under the key with which it was loaded.
    for (const changeSet of this.#renamed) {
      for (const group of groupsOfChanges(this.#changes).filter(one => this.#isIn(one, changeSet)))
        this.#stored?.addSpelling(group, keyWritten(changeSet), keyInDatabase(changeSet));
    }
    this.#stored?.refresh();
  }

  /** Removes the counts from the new targets again, so that the same entities can be saved again. */
  undo(): void {
    for (const [entity, counts] of this.#initial) {
      for (const counter of this.registry.countersOn(helper(entity).__meta))
        if (counter.property in counts) setValue(entity, counter, valueOf(counter, 0n));
    }
  }

  /** Reads the stored counts that triggers have changed, also those of targets that the flush inserted or renamed. */
  async #reread(): Promise<void> {
    refuseLateAssignments(this.unitOfWork, this.registry, this.#initial);
    if (!this.#stored) return;
    const created = this.unitOfWork.getChangeSets().filter(changeSet => kindOf(changeSet) === 'create');
    for (const group of groupsOfChanges(this.#changes)) {
      const coming = [...created, ...this.#renamed].filter(changeSet => this.#isIn(group, changeSet));
      await this.#stored.lock(group, coming.map(keyWritten), 'primary');
    }
    for (const { entity } of created) this.#stored.noteInserted(entity);
    await this.#stored.reread();
  }

  #stateAfter(change: CountedChange, before: RowState | null): RowState | null {
    if (change.kind === 'delete') return null;
    if (!before) return change.memory;
    const { changeSet, groups } = change;
    return overlaid(before, columnsIn(payloadOf(changeSet), groups), groups, changeSet.entity, this.#created);
  }

  async #requireLocked(change: CountedChange, before: RowState, stored: StoredCounts): Promise<void> {
    let unlocked = stored.unlockedTarget(change.groups, before);
    while (unlocked && (await stored.isSpellingOfLocked(unlocked.group, unlocked.key)))
      unlocked = stored.unlockedTarget(change.groups, before);
    if (!unlocked) return;
    throw new CounterError(
      'COUNTER_CONFLICT',
      `${nameOf(change)} has moved to ${unlocked.group.target.className} ${unlocked.key.join(', ')} since it was loaded. ` +
        'Load it again in a new transaction and repeat the change.',
    );
  }

  /**
   * Applies deltas: at the end of the flush, or before it, as far as their targets are there then. Returns what other
   * stored counts sum of them, without those of new rows, which are counted with their counts.
   */
  async #apply(deltas: readonly TargetDelta[], stored: StoredCounts, atEnd = false): Promise<KeyedDelta[]> {
    const existing: KeyedDelta[] = [];
    for (const delta of deltas) {
      if ('created' in delta.target) this.#addToCreated(delta.target.created, delta, stored);
      else if (atEnd || (await this.#isThere(delta as KeyedDelta, stored))) existing.push(delta as KeyedDelta);
      else this.#coming.push(delta as KeyedDelta);
    }
    const groups = [...new Set(existing.map(({ group }) => group))];
    const deleted = new Map(groups.map(group => [group, new Set(this.#deletedTargets(group).map(hashOf))]));
    // A row that goes takes its counts along as they are.
    const staying = existing.filter(({ group, target }) => {
      const primaryKey = stored.primaryKeyOf(group, target.key);
      return !primaryKey || !deleted.get(group)!.has(hashOf(primaryKey));
    });
    refusePendingSums(this.em, this.registry, staying);
    await stored.add(staying);
    stored.showTouches();
    return stored.onward(staying, atEnd);
  }

  /** Returns the targets that changes take away, and that no foreign key of the database keeps. */
  #lostTargets(changes: readonly ChangeSet<AnyEntity>[]): (readonly [LocatedGroup, Key])[] {
    return changes.flatMap(changeSet =>
      keptGroups(
        groupsInto(this.em, this.registry, changeSet.meta as EntityMetadata, schemaOfChange(this.em, changeSet)),
      ).map(group => [group, keyInDatabase(changeSet)] as const),
    );
  }

  /** Returns the primary keys of the targets of a group that the flush deletes. */
  #deletedTargets(group: CounterGroup): Key[] {
    return this.unitOfWork
      .getChangeSets()
      .filter(changeSet => this.#isIn(group, changeSet) && kindOf(changeSet) === 'delete')
      .map(({ entity }) => keyOf(entity));
  }

  /** Returns true for a change of a target of a group. */
  #isIn({ target, targetSchema }: CounterGroup, changeSet: ChangeSet<AnyEntity>): boolean {
    return isSameTable(changeSet.meta as EntityMetadata, target) && schemaOfChange(this.em, changeSet) === targetSchema;
  }

  async #isThere({ group, target: { key } }: KeyedDelta, stored: StoredCounts): Promise<boolean> {
    if (!this.#mayCome(group, key)) return true;
    await stored.lock(group, [key]);
    return stored.isLocked(group, key);
  }

  /** Lets a target that the same flush inserts start with its counts. Nobody else can see it before the commit. */
  #addToCreated(entity: object, { group, amounts }: TargetDelta, { transaction }: StoredCounts): void {
    const changeSet = this.unitOfWork.getChangeSets().find(one => one.entity === entity)!;
    const initial = this.#initial.get(entity) ?? {};
    this.#initial.set(entity, initial);
    group.counters.forEach((counter, index) => {
      const { property } = counter;
      const units = (initial[property] = (initial[property] ?? 0n) + amounts[index]!);
      if (units < 0n && !counter.amount.mayBeNegative) throw negativeAtStart(group, counter, units);
      const count = valueOf(counter, units);
      noteShown(transaction, entity, counter, count, value => writtenValue(counter, value));
      setValue(entity, counter, count);
      payloadWith(changeSet, property)[property] = writtenValue(counter, count);
    });
  }

  /**
   * Refuses rows whose new target does not exist (COUNTER_TARGET_MISSING). Where hooks count, they find that out when
   * they add to it.
   */
  #refuseMissingTargets(changes: readonly CountedChange[], stored: StoredCounts): void {
    for (const { kind, groups, memory, planned } of changes) {
      if (kind === 'delete') continue;
      const written = columnsIn(planned, groups);
      for (const group of groups.filter(({ foreignKey }) => foreignKey.some(column => column in written))) {
        const pointer = memory.targets[group.slot];
        if (!pointer || 'created' in pointer || stored.isLocked(group, pointer.key)) continue;
        if (!this.#mayCome(group, pointer.key)) throw targetMissing(group, pointer.key);
        // New rows come before new keys of rows that exist.
        if (kind === 'create' && this.#isRenamed(group, pointer.key))
          throw new CounterError(
            'COUNTER_TARGET_MISSING',
            `${group.target.className} gets the key ${pointer.key.join(', ')} in the flush that inserts a row for it, and only after that row, which triggers would count nowhere. Flush the change of the key first.`,
          );
      }
    }
  }

  /**
   * Returns true for a key that a target may have at the end of the flush, and not before. Only the database can tell
   * whether two texts are the same key. No row can mean a key that the database is yet to give.
   */
  #mayCome(group: CounterGroup, key: Key): boolean {
    const keys = this.#comingKeys.get(keySpaceOf(group));
    return keys !== undefined && (keys.has(hashOf(key)) || !isNumeric(key));
  }

  #isRenamed(group: CounterGroup, key: Key): boolean {
    return this.#renamed.some(
      one =>
        isSameTable(one.meta as EntityMetadata, group.target) &&
        hashOf(referredWritten(group, one) ?? []) === hashOf(key),
    );
  }
}

/** Returns the error for a new target whose rows add up to less than 0 where that may not be: COUNTER_UNDERFLOW. */
function negativeAtStart({ target, counted }: CounterGroup, counter: ResolvedCounter, units: bigint): CounterError {
  return new CounterError(
    'COUNTER_UNDERFLOW',
    `${counter.name} is declared unsigned, and the ${counted.className} rows of a new ${target.className} add up to ${valueOf(counter, units)}. Declare it signed, or mend the rows.`,
  );
}

/** Returns the hashes of the keys that changes of rows give them, by the columns to which groups refer. */
function comingKeys(
  groups: readonly CounterGroup[],
  changes: readonly ChangeSet<AnyEntity>[],
): Map<string, ReadonlySet<string>> {
  if (changes.length === 0) return new Map();
  return new Map(
    groups.flatMap(group => {
      const mine = changes.filter(({ meta }) => isSameTable(meta as EntityMetadata, group.target));
      const keys = mine.flatMap(change => {
        const key = referredWritten(group, change);
        return key ? [hashOf(key)] : [];
      });
      return keys.length > 0 ? [[keySpaceOf(group), new Set(keys)]] : [];
    }),
  );
}

/** Returns a text for the columns of a target to which a group refers. */
function keySpaceOf({ target, uniqueKey = '' }: CounterGroup): string {
  return `${entityOfTable(target).uniqueName} ${uniqueKey}`;
}

/** Returns the properties of a target that are keys to which rows refer, or its primary key. */
function keyNames({ groups }: CounterRegistry, { meta }: ChangeSet<AnyEntity>): string[] {
  const unique = groups.flatMap(({ target, uniqueKey }) =>
    uniqueKey !== undefined && isSameTable(target, meta as EntityMetadata) ? [uniqueKey] : [],
  );
  return [...meta.primaryKeys, ...unique];
}

/** Returns the groups of some changes, in the order of their targets' tables. */
function groupsOfChanges(changes: readonly CountedChange[]): LocatedGroup[] {
  return [...new Set(changes.flatMap(({ groups }) => groups))].toSorted(compareGroups);
}
