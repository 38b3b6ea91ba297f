import { helper, type EntityMetadata, type Transaction, type UnitOfWork } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { countedChanges, kindOf, nameOf, type CountedChange } from './counted-change.js';
import { CounterError } from './errors.js';
import { refuseAssignments, refuseCollectionWrites } from './guards.js';
import { hashOf, type Key } from './key.js';
import { keyColumns, type CounterGroup, type CounterRegistry } from './registry.js';
import { keyOf, originalTarget, overlaid, sameProperty, stateInDatabase, stateInMemory, watchedColumns, watchedProperties } from './row-state.js';
import { Statements } from './statements.js';
import { loadedTarget, StoredCounts, type KeyedDelta } from './stored-counts.js';
import { Tally, type RowState, type TargetDelta } from './tally.js';

/**
 * Keeps the counters in one flush: `prepare` runs in its transaction before any of its SQL, `settle` after all of it,
 * and `refresh` when it has succeeded.
 *
 * The order is the protocol: lock the targets in ascending order, read the counted rows under those locks, change the
 * stored counts; only then does the flush touch the counted rows themselves.
 */
export class FlushPlan {
  readonly #changes: readonly CountedChange[];
  /** Holds the entities that the flush inserts: as targets they have no row to lock yet. */
  readonly #created: ReadonlySet<object>;
  #stored: StoredCounts | undefined;

  constructor(
    private readonly registry: CounterRegistry,
    private readonly em: SqlEntityManager,
    private readonly unitOfWork: UnitOfWork,
  ) {
    refuseCollectionWrites(unitOfWork, registry);
    refuseAssignments(unitOfWork, registry);
    const creates = unitOfWork.getChangeSets().filter(changeSet => kindOf(changeSet) === 'create');
    this.#created = new Set(creates.map(({ entity }) => entity as object));
    this.#changes = countedChanges(em, unitOfWork, registry, this.#created);
  }

  /** Locks what must be locked and changes the stored counts. */
  async prepare(transaction: Transaction): Promise<void> {
    const relevant = this.#changes.filter(change => change.relevant);
    if (relevant.length === 0) return;
    const statements = new Statements(this.em, transaction);
    const stored = (this.#stored = new StoredCounts(this.em, statements));
    const existing = relevant.filter(change => change.kind !== 'create');
    await this.#lockTargets(stored, relevant, await this.#originalTargets(statements, existing));
    const rows = await this.#read(statements, existing);

    const tally = new Tally();
    for (const change of relevant) {
      const before = rows.get(change) ?? null;
      // Another transaction has deleted the row since it was loaded, and has counted that.
      if (!before && change.kind !== 'create') continue;
      if (before) this.#requireLocked(change, before, stored);
      change.after = this.#stateAfter(change, before);
      tally.change(change.groups, before, change.after);
    }
    await this.#apply(tally.deltas(), stored);
  }

  /** Counts what hooks and database defaults changed after `prepare`, so that the flush ends exact. */
  async settle(transaction: Transaction): Promise<void> {
    this.#refuseLateChangeSets();
    const tally = new Tally();
    for (const change of this.#changes.filter(({ kind }) => kind !== 'delete')) {
      const now = stateInMemory(this.em, change.changeSet.entity, change.groups, this.#created);
      const late = watchedProperties(change.groups).filter(name => !sameProperty(name, change.memory, now));
      if (late.length === 0) continue;
      if (!change.relevant) {
        throw lateChange(`A hook changed ${nameOf(change)} (${late.join(', ')}) during the flush. Change it before the flush.`);
      }
      if (change.after) tally.change(change.groups, change.after, overlaid(change.after, now, late));
    }
    const deltas = tally.deltas();
    if (deltas.length === 0) return;
    this.#stored ??= new StoredCounts(this.em, new Statements(this.em, transaction));
    await this.#apply(deltas, this.#stored);
  }

  /** Shows the true stored counts in the loaded targets. */
  refresh(): void {
    this.#stored?.refresh();
  }

  #stateAfter(change: CountedChange, before: RowState | null): RowState | null {
    if (change.kind === 'delete') return null;
    return before ? overlaid(before, change.memory, Object.keys(change.changeSet.payload)) : change.memory;
  }

  /** Gives where the rows pointed when they were loaded; asks the database, without a lock, where memory does not know. */
  async #originalTargets(statements: Statements, changes: readonly CountedChange[]): Promise<Map<CounterGroup, Key[]>> {
    const keys = new Map(this.registry.groups.map(group => [group, [] as Key[]]));
    const unknown: CountedChange[] = [];
    for (const change of changes) {
      const targets = change.groups.map(group => originalTarget(helper(change.changeSet.entity).__originalEntityData, group));
      if (targets.includes(undefined)) unknown.push(change);
      else targets.forEach((target, index) => target && keys.get(change.groups[index]!)!.push(target));
    }
    for (const [change, state] of await this.#read(statements, unknown, false)) {
      for (const group of change.groups) {
        const target = state.targets[group.by];
        if (target && 'key' in target) keys.get(group)!.push(target.key);
      }
    }
    return keys;
  }

  async #lockTargets(stored: StoredCounts, changes: readonly CountedChange[], originals: Map<CounterGroup, Key[]>): Promise<void> {
    // Groups that share a target table lock all its rows together, so that the order is one for the table.
    for (const [target, groups] of Map.groupBy(this.registry.groups, group => group.target)) {
      const mine = changes.filter(change => change.groups.some(group => groups.includes(group)));
      const pointers = groups.flatMap(({ by }) => mine.filter(({ kind }) => kind !== 'delete').map(({ memory }) => memory.targets[by]));
      const keys = [...groups.flatMap(group => originals.get(group)!), ...pointers.flatMap(pointer => (pointer && 'key' in pointer ? [pointer.key] : []))];
      const written = this.#writtenTargets(target);
      const onlyCreates = mine.every(({ kind }) => kind === 'create') && written.length === 0;
      // With only creates, and the target not in memory, the UPDATE itself is lock and delta in one statement.
      if (keys.length === 0 || (onlyCreates && !keys.some(key => loadedTarget(this.em, target, key)))) continue;
      for (const group of groups) await stored.lock(group, [...keys, ...written]);
    }
  }

  /** Gives the targets that the flush itself updates or deletes, so that they are locked in order with the others. */
  #writtenTargets(target: EntityMetadata): Key[] {
    const changeSets = this.unitOfWork.getChangeSets().filter(({ meta }) => meta.class === target.class);
    return changeSets.filter(changeSet => kindOf(changeSet) !== 'create').map(({ entity }) => keyOf(entity));
  }

  async #read(statements: Statements, changes: readonly CountedChange[], lock = true): Promise<Map<CountedChange, RowState>> {
    const states = new Map<CountedChange, RowState>();
    const tables = [...Map.groupBy(changes, ({ counted }) => counted)].sort(([a], [b]) => (a.tableName < b.tableName ? -1 : 1));
    for (const [counted, mine] of tables) {
      const groups = this.registry.countedBy(counted);
      const columns = keyColumns(counted);
      const keys = mine.map(({ changeSet }) => keyOf(changeSet.entity));
      const rows = await statements.countedRows(counted, watchedColumns(groups), keys, lock);
      const found = new Map(rows.map(row => [hashOf(columns.map(column => row[column])), row]));
      mine.forEach((change, index) => {
        const row = found.get(hashOf(keys[index]!));
        if (row) states.set(change, stateInDatabase(row, groups));
      });
    }
    return states;
  }

  #requireLocked(change: CountedChange, before: RowState, stored: StoredCounts): void {
    for (const group of change.groups) {
      const target = before.targets[group.by];
      if (!target || !('key' in target) || stored.isLocked(group, target.key)) continue;
      throw new CounterError(
        'COUNTER_CONFLICT',
        `${nameOf(change)} has moved to ${group.target.className} ${target.key.join(', ')} since it was loaded. ` +
          'Load it again in a new transaction and repeat the change.',
      );
    }
  }

  async #apply(deltas: readonly TargetDelta[], stored: StoredCounts): Promise<void> {
    const existing: KeyedDelta[] = [];
    for (const delta of deltas) {
      if ('created' in delta.target) this.#addToCreated(delta.target.created, delta);
      else existing.push(delta as KeyedDelta);
    }
    const deleted = this.unitOfWork.getChangeSets().filter(changeSet => kindOf(changeSet) === 'delete');
    const gone = (group: CounterGroup, key: Key): boolean =>
      deleted.some(({ meta, entity }) => meta.class === group.target.class && hashOf(keyOf(entity)) === hashOf(key));
    await stored.add(existing.filter(({ group, target }) => !gone(group, target.key)));
  }

  /** Lets a target that the same flush inserts start with its counts: nobody else can see it before the commit. */
  #addToCreated(entity: object, { group, amounts }: TargetDelta): void {
    const changeSet = this.unitOfWork.getChangeSets().find(one => one.entity === entity)!;
    if (changeSet.persisted) throw lateChange(`A hook moved a row to a new ${group.target.className} during the flush. Move it before the flush.`);
    const counts = entity as Record<string, number>;
    group.counters.forEach(({ property }, index) => {
      counts[property] = (counts[property] ?? 0) + amounts[index]!;
      (changeSet.payload as Record<string, number>)[property] = counts[property];
    });
  }

  #refuseLateChangeSets(): void {
    const now = this.unitOfWork.getChangeSets().filter(({ meta }) => this.registry.countedBy(meta as unknown as EntityMetadata).length > 0);
    const planned = new Map(this.#changes.map(({ changeSet, kind }) => [changeSet, kind]));
    const late = now.find(changeSet => planned.get(changeSet) !== kindOf(changeSet)) ?? (now.length < planned.size ? this.#changes[0]?.changeSet : undefined);
    if (!late) return;
    throw lateChange(
      `Another subscriber added, dropped or turned round a change to ${late.meta.className} after the counters had planned the flush. ` +
        "Register the counters' subscriber last.",
    );
  }
}

function lateChange(message: string): CounterError {
  return new CounterError('COUNTER_LATE_CHANGE', message);
}
