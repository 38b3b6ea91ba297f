import type { Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { inUnitsOf, valueOf, writtenValue } from '../declarations/amounts.js';
import { onwardOf, type Onward } from '../declarations/levels.js';
import type { CounterGroup } from '../declarations/counter-group.js';
import { registryOf } from '../declarations/registry.js';
import { compareGroups, targetTableOf } from '../declarations/schemas.js';
import { dateFor, touchedBy } from '../declarations/touches.js';
import { CounterError } from '../errors.js';
import { storedCountUpdates, type StoredCountUpdate } from '../events.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { columnList, keyIn, queryRows, tableName, type Row } from '../sql/fragments.js';
import { compareKeys, distinctKeys, hashOf, type Key } from '../sql/key.js';
import { OWN_SCHEMA } from '../sql/schemas.js';
import { Tally, type KeyedDelta } from './deltas.js';
import type { RowState } from './row-states.js';
import { loadedTargets, mayBeLoaded } from './loaded-targets.js';
import { fillingCounters, withoutCounters, type SomeCounters } from './rollouts.js';
import { ShownTouches } from './shown-touches.js';
import { show } from './shown-values.js';
import {
  addToTargetRows,
  batchesOf,
  changesIn,
  isGuarded,
  lockInOrder,
  lockTargetRows,
  type KindOfKey,
  type LockedTarget,
  type Touching,
} from './target-rows.js';

/**
 * The stored counts of target rows within one transaction: locks them and changes them, always in ascending order, and
 * remembers what they hold, so that loaded targets can show it.
 */
export class StoredCounts {
  /** The locked rows by their keys and by those that were asked for; two spellings of one key share its row. */
  readonly #locked = new Map<CounterGroup, Map<string, LockedTarget>>();
  /** The same rows by their primary keys, where foreign keys refer to another one. */
  readonly #byPrimaryKey = new Map<CounterGroup, Map<string, LockedTarget>>();
  /** What was touched here: a table, a key and a column each. */
  readonly #touched = new Set<string>();
  readonly #shown: ShownTouches;
  /** The moment of everything that is touched here. */
  #now: number | undefined;
  /** True where triggers have changed the rows since. */
  #wasReread = false;

  /** `touches` is false for changes of stored counts that are no changes of rows. */
  constructor(
    private readonly em: SqlEntityManager,
    readonly transaction: Transaction,
    private readonly touches = true,
  ) {
    this.#shown = new ShownTouches(em);
  }

  /** Locks target rows; one that does not exist is left out without an error. */
  async lock(group: CounterGroup, keys: readonly Key[], kind: KindOfKey = 'referred'): Promise<void> {
    const rows = this.#rowsOf(group);
    const primary = group.uniqueKey === undefined ? rows : this.#byPrimaryKeyIn(group);
    const asking = kind === 'primary' ? primary : rows;
    const unlocked = distinctKeys(keys).filter(key => !asking.has(hashOf(key)));
    if (unlocked.length === 0) return;
    const found = await lockTargetRows(this.em, this.transaction, group, unlocked, kind);
    for (const asked of unlocked) {
      const row = found.get(hashOf(asked));
      if (!row) continue;
      const known = primary.get(hashOf(row.primaryKey)) ?? row;
      primary.set(hashOf(row.primaryKey), known);
      rows.set(hashOf(row.key), known);
      asking.set(hashOf(asked), known);
      if (asking === primary) known.spellings.push(asked);
      if (touchedBy(group.counters).length > 0) this.#shown.noteVersions(group, known.row, this.#loaded(group, known));
    }
  }

  /**
   * Locks target rows of one table, for some groups that count into it and for each with its keys, in one order. The rows
   * with some primary keys are locked for all of them.
   */
  async lockTogether(
    groups: readonly CounterGroup[],
    keysOf: (group: CounterGroup) => readonly Key[],
    primaryKeys: readonly Key[] = [],
  ): Promise<void> {
    const referred = groups.map(group => [group, keysOf(group)] as const);
    const spaces = new Set(groups.map(({ uniqueKey }) => uniqueKey));
    if (spaces.size > 1 || (primaryKeys.length > 0 && !spaces.has(undefined)))
      await lockInOrder(this.em, this.transaction, referred, primaryKeys);
    for (const group of groups) {
      // The same rows for all groups that know them by the same column.
      const keys = referred.flatMap(([one, mine]) => (one.uniqueKey === group.uniqueKey ? mine : []));
      await this.lock(group, group.uniqueKey === undefined ? [...keys, ...primaryKeys] : keys);
      if (group.uniqueKey !== undefined) await this.lock(group, primaryKeys, 'primary');
    }
  }

  #rowsOf(group: CounterGroup): Map<string, LockedTarget> {
    const rows = this.#locked.get(group) ?? new Map<string, LockedTarget>();
    this.#locked.set(group, rows);
    return rows;
  }

  #byPrimaryKeyIn(group: CounterGroup): Map<string, LockedTarget> {
    const rows = this.#byPrimaryKey.get(group) ?? new Map<string, LockedTarget>();
    this.#byPrimaryKey.set(group, rows);
    return rows;
  }

  /** Returns the locked rows of a group by their primary keys. */
  #rowsByPrimaryKey(group: CounterGroup): ReadonlyMap<string, LockedTarget> | undefined {
    return (group.uniqueKey === undefined ? this.#locked : this.#byPrimaryKey).get(group);
  }

  /** Returns the primary key of a target row, as the database spells it; undefined where only that knows it. */
  primaryKeyOf(group: CounterGroup, key: Key): Key | undefined {
    return this.#locked.get(group)?.get(hashOf(key))?.primaryKey ?? (group.uniqueKey === undefined ? key : undefined);
  }

  /** Returns the loaded target entities of a locked row. */
  #loaded(group: CounterGroup, { primaryKey, spellings }: LockedTarget): object[] {
    return loadedTargets(this.em, group, [primaryKey, ...spellings]);
  }

  /** Notes a target that was inserted in this transaction, whose version triggers may have changed since. */
  noteInserted(entity: object): void {
    this.#shown.noteInserted(entity);
  }

  /** Forgets a target row that is about to be deleted, given by its primary key, because another one may get its keys. */
  forget(group: CounterGroup, primaryKey: Key): void {
    const row = this.#rowsByPrimaryKey(group)?.get(hashOf(primaryKey));
    for (const rows of [this.#rowsOf(group), this.#byPrimaryKeyIn(group)])
      for (const [asked, known] of rows) if (known === row) rows.delete(asked);
  }

  /** Returns true for a target row that this transaction has locked here. */
  isLocked(group: CounterGroup, key: Key): boolean {
    return this.#locked.get(group)?.has(hashOf(key)) ?? false;
  }

  /**
   * Returns true for a key that a counted row has, of a target row that is locked here: the database may spell it in
   * another way there than memory does, and than the target itself.
   */
  async isSpellingOfLocked(group: CounterGroup, key: Key): Promise<boolean> {
    const columns = columnList(this.em, group.targetKey);
    const chosen = keyIn(this.em, group.targetKey, [key]);
    const sql = `select ${columns} from ${tableName(this.em, group.target, group.targetSchema)} where ${chosen.sql}`;
    const [row] = await queryRows(this.em, this.transaction, { sql, parameters: chosen.parameters });
    const rows = this.#locked.get(group);
    const known = row && rows?.get(hashOf(group.targetKey.map(column => row[column])));
    if (known) rows!.set(hashOf(key), known);
    return known !== undefined;
  }

  /** Notes another primary key under which memory has a locked target row. */
  addSpelling(group: CounterGroup, key: Key, other: Key): void {
    const rows = this.#rowsByPrimaryKey(group);
    rows?.get(hashOf(key))?.spellings.push(other);
    // A row that is known by another column stays the same one while its primary key changes.
    if (group.uniqueKey !== undefined) rows?.get(hashOf(other))?.spellings.push(key);
  }

  /** Returns a target of a counted row that is not locked here, and its group; undefined where all are locked. */
  unlockedTarget(groups: readonly CounterGroup[], state: RowState): { group: CounterGroup; key: Key } | undefined {
    for (const group of groups) {
      const target = state.targets[group.slot];
      if (target && 'key' in target && !this.isLocked(group, target.key)) return { group, key: target.key };
    }
    return undefined;
  }

  /**
   * Adds deltas, with all counters of a group in one UPDATE, which changes many target rows if that saves statements.
   *
   * Errors: COUNTER_TARGET_MISSING where a row does not exist, COUNTER_UNDERFLOW where a count would become negative,
   * which only a write past the engine can bring about.
   */
  async add(deltas: readonly KeyedDelta[]): Promise<void> {
    const tables = Map.groupBy(
      deltas.toSorted((a, b) => compareGroups(a.group, b.group)),
      ({ group }) => targetTableOf(group),
    );
    for (const some of tables.values())
      await this.#addTo(some.toSorted((a, b) => compareKeys(a.target.key, b.target.key)));
  }

  /** Adds deltas to the rows of one table, which are given in ascending order. */
  async #addTo(deltas: readonly KeyedDelta[]): Promise<void> {
    const batches = batchesOf(deltas);
    const groups = [...new Set(deltas.map(({ group }) => group))];
    // One UPDATE locks its rows in ascending order, on most databases. Several would not, and only what was read before
    // shows which rows have not enough.
    const locksFirst =
      (batches.length > 1 || subtracts(deltas) || !dialectOf(this.em).updatesInKeyOrder) &&
      !deltas.every(({ group, target }) => this.isLocked(group, target.key));
    if (batches.length + (locksFirst ? groups.length : 0) >= deltas.length) {
      for (const delta of deltas) await this.#addAmounts([delta]);
      return;
    }
    const keys = deltas.map(({ target }) => target.key);
    if (locksFirst) for (const group of groups) await this.lock(group, keys);
    for (const batch of batches) await this.#addAmounts(batch);
  }

  /** Adds deltas of one group: lock and change in one statement. */
  async #addAmounts(batch: readonly KeyedDelta[]): Promise<void> {
    const { group } = batch[0]!;
    const changed = await addToTargetRows(this.em, this.transaction, batch, this.#touching(batch));
    const added = changed === batch.length ? batch : await this.#addToLacking(batch);
    for (const delta of added) {
      const { target, amounts } = delta;
      publish(group, target.key, amounts);
      this.#note(group, target.key, amounts);
      this.#noteTouches(delta);
    }
  }

  /** Returns what some deltas of one group touch that was not touched here before. */
  #touching(batch: readonly KeyedDelta[]): Touching[] {
    const { group } = batch[0]!;
    if (!this.touches) return [];
    return touchedBy(group.counters).flatMap(({ touch, by }) => {
      const places = by.map(counter => group.counters.indexOf(counter));
      const deltas = batch.filter(
        ({ target, amounts }) =>
          places.some(place => amounts[place] !== 0n) &&
          !this.#placesOf(group, target.key, touch.column).some(place => this.#touched.has(place)),
      );
      if (deltas.length === 0) return [];
      this.#now ??= Date.now();
      return [{ touch, date: touch.kind === 'date' ? dateFor(touch, this.#now) : undefined, deltas }];
    });
  }

  /** Notes what a delta that was added has touched. */
  #noteTouches(delta: KeyedDelta): void {
    const { group, target } = delta;
    for (const { touch, date } of this.#touching([delta])) {
      for (const place of this.#placesOf(group, target.key, touch.column)) this.#touched.add(place);
      const known = this.#locked.get(group)?.get(hashOf(target.key));
      if (known) this.#shown.touched(group, touch, date, known.row, this.#loaded(group, known));
    }
  }

  /** Returns the texts that stand for a column of a target row, by each of its keys that is known. */
  #placesOf(group: CounterGroup, key: Key, column: string): string[] {
    const primaryKey = this.primaryKeyOf(group, key);
    const keys = [
      ...(group.uniqueKey === undefined ? [] : [[group.uniqueKey, ...key]]),
      ...(primaryKey ? [primaryKey] : []),
    ];
    return keys.map(one => `${targetTableOf(group)} ${hashOf(one)} ${column}`);
  }

  /** Notes what was added to a locked target row, also for other groups that count into the same column. */
  #note(group: CounterGroup, key: Key, amounts: readonly bigint[]): void {
    const table = targetTableOf(group);
    const primaryKey = this.primaryKeyOf(group, key);
    if (!primaryKey) return;
    for (const other of this.#locked.keys()) {
      const row = targetTableOf(other) === table && this.#rowsByPrimaryKey(other)?.get(hashOf(primaryKey));
      if (!row) continue;
      row.stored = row.stored.map((count, index) => {
        const place = group.counters.findIndex(({ column }) => column === other.counters[index]!.column);
        return count + (amounts[place] ?? 0n);
      });
    }
  }

  /**
   * Adds deltas of one group to those target rows that have not enough, as far as that is because a counter of theirs is
   * not filled yet: its count stays at 0 then. Returns all deltas as they were added. Errors: why they cannot be.
   */
  async #addToLacking(batch: readonly KeyedDelta[]): Promise<readonly KeyedDelta[]> {
    const { group } = batch[0]!;
    const keys = batch.map(({ target }) => target.key);
    const rows = await lockTargetRows(this.em, this.transaction, group, keys);
    const missing = keys.find(key => !rows.has(hashOf(key)));
    if (missing) throw targetMissing(group, missing);
    const before = (key: Key): readonly bigint[] => {
      const row = rows.get(hashOf(key))!;
      // Of several rows those that have enough are changed by now.
      return keys.length === 1 ? row.stored : (this.#locked.get(group)?.get(hashOf(key)) ?? row).stored;
    };
    const lacksSome = ({ target, amounts }: KeyedDelta): boolean =>
      before(target.key).some((count, index) => lacks(group, index, count, amounts));
    const lacking = batch.filter(lacksSome);
    const filling = await fillingCounters(this.em, this.transaction, group);
    const floored = (delta: KeyedDelta): KeyedDelta => {
      const stored = before(delta.target.key);
      const amounts = delta.amounts.map((amount, index) =>
        filling.has(group.counters[index]!) && lacks(group, index, stored[index]!, delta.amounts)
          ? -stored[index]!
          : amount,
      );
      return { ...delta, amounts };
    };
    const refused = lacking.length === 0 ? batch[0]! : lacking.find(delta => lacksSome(floored(delta)));
    if (refused) throw underflow(group, refused.target.key, before(refused.target.key), refused.amounts);
    const rest = lacking.map(floored).filter(({ amounts }) => amounts.some(amount => amount !== 0n));
    if (rest.length > 0) await addToTargetRows(this.em, this.transaction, rest, this.#touching(rest));
    return batch.map(delta => (lacking.includes(delta) ? floored(delta) : delta));
  }

  /** Returns the keys of those targets of a group whose counts sum counts of rows that are locked here. */
  onwardKeys(group: CounterGroup): Key[] {
    return [...this.#locked].flatMap(([from, rows]) =>
      this.#onward(from).some(onward => onward.group === group)
        ? [...new Set(rows.values())].flatMap(({ row }) => {
            const key = keyOfTarget(group, row);
            return key ? [key] : [];
          })
        : [],
    );
  }

  /**
   * Adds deltas, and level by level what other stored counts sum of them, without what triggers add to some counters.
   * With `again`, the rows between are read again, because they may have got other targets.
   */
  async addThroughLevels(deltas: readonly KeyedDelta[], left: SomeCounters, again = false): Promise<void> {
    let rest = withoutCounters(deltas, left);
    while (rest.length > 0) {
      await this.add(rest);
      rest = withoutCounters(await this.onward(rest, again), left);
    }
  }

  /**
   * Returns what other stored counts sum of deltas that were added here: by the targets that the changed rows have now.
   * Loaded ones of these are locked. With `again`, the rows are read again, because they may have got other targets.
   */
  async onward(deltas: readonly KeyedDelta[], again = false): Promise<KeyedDelta[]> {
    const tally = new Tally();
    for (const [group, some] of Map.groupBy(deltas, delta => delta.group)) {
      const onwards = this.#onward(group);
      if (onwards.length === 0) continue;
      const keys = some.map(({ target }) => target.key);
      await this.lock(group, keys);
      const fresh = again ? await lockTargetRows(this.em, this.transaction, group, keys) : undefined;
      for (const { target, amounts } of some) {
        const hash = hashOf(target.key);
        const { row } = fresh?.get(hash) ?? this.#locked.get(group)!.get(hash)!;
        for (const { group: next, places } of onwards) {
          const key = keyOfTarget(next, row);
          const sums = next.counters.map(() => 0n);
          for (const [from, to] of places)
            sums[to] = inUnitsOf(next.counters[to]!, group.counters[from]!, amounts[from]!);
          if (key) tally.add({ group: next, target: { key }, amounts: sums });
        }
      }
    }
    const next = tally.deltas() as KeyedDelta[];
    for (const [group, some] of Map.groupBy(next, delta => delta.group)) {
      const keys = some.map(({ target }) => target.key);
      if (mayBeLoaded(this.em, group, keys)) await this.lock(group, keys);
    }
    return next;
  }

  #onward(group: CounterGroup): readonly Onward[] {
    const registry = registryOf(this.em);
    return registry?.hasLevels ? onwardOf(this.em, registry, group) : [];
  }

  /** Reads again the rows that are locked here, which triggers have changed. */
  async reread(): Promise<void> {
    this.#wasReread = true;
    for (const [group, rows] of this.#locked) {
      const before = new Set([...rows.values(), ...this.#byPrimaryKeyIn(group).values()]);
      rows.clear();
      this.#byPrimaryKeyIn(group).clear();
      await this.lock(
        group,
        [...before].map(({ primaryKey }) => primaryKey),
        'primary',
      );
      for (const { primaryKey, spellings } of before)
        this.#rowsByPrimaryKey(group)
          ?.get(hashOf(primaryKey))
          ?.spellings.push(...spellings);
    }
  }

  /**
   * Puts the true stored counts into those target entities that are loaded, until `transaction` is rolled back: the one
   * around everything that was counted here.
   */
  refresh(transaction: Transaction = this.transaction): void {
    for (const [group, rows] of this.#locked) {
      for (const known of new Set(rows.values())) {
        const entities = this.#loaded(group, known);
        for (const entity of entities)
          group.counters.forEach((counter, index) =>
            show(transaction, entity, counter, valueOf(counter, known.stored[index]!), value =>
              writtenValue(counter, value),
            ),
          );
        if (this.#wasReread) this.#shown.read(group, known.row, entities);
      }
    }
    this.showTouches(transaction);
  }

  /**
   * Lets loaded targets show what was touched of them: before MikroORM writes one of them, which compares its version,
   * and at the end.
   */
  showTouches(transaction: Transaction = this.transaction): void {
    this.#shown.show(transaction);
  }

  /** Lets a loaded target that is about to be written show what triggers have touched of it. */
  async showVersion(group: CounterGroup, key: Key, entity: object): Promise<void> {
    if (!this.#shown.isCurrent(entity)) return;
    const row = (await lockTargetRows(this.em, this.transaction, group, [key])).get(hashOf(key))?.row;
    if (row) this.#shown.read(group, row, [entity]);
    this.showTouches();
  }
}

/** Returns the key of the target that a row has in a group; undefined: none. */
function keyOfTarget({ foreignKey }: CounterGroup, row: Row): Key | undefined {
  const key = foreignKey.map(column => row[column]);
  return key.some(part => part === null || part === undefined) ? undefined : key;
}

function subtracts(deltas: readonly KeyedDelta[]): boolean {
  return deltas.some(({ group, amounts }) => changesIn(group, amounts).some(isGuarded));
}

/** Returns true where a count of a group would fall below 0, and may not. */
function lacks({ counters }: CounterGroup, index: number, stored: bigint, amounts: readonly bigint[]): boolean {
  return stored + amounts[index]! < 0n && !counters[index]!.amount.mayBeNegative;
}

function publish(group: CounterGroup, key: Key, amounts: readonly bigint[]): void {
  if (!storedCountUpdates.hasSubscribers) return;
  const changes = changesIn(group, amounts).map(({ counter, amount }) => ({
    counter: counter.name,
    amount: valueOf(counter, amount),
  }));
  const { target, targetSchema = OWN_SCHEMA } = group;
  const schema = targetSchema === OWN_SCHEMA ? {} : { schema: targetSchema };
  storedCountUpdates.publish({ target: target.className, ...schema, key, changes } satisfies StoredCountUpdate);
}

function underflow(
  { target, counters }: CounterGroup,
  key: Key,
  stored: readonly bigint[],
  amounts: readonly bigint[],
): CounterError {
  return new CounterError(
    'COUNTER_UNDERFLOW',
    `${target.className} ${key.join(', ')} stores ${counters.map((counter, index) => `${counter.name} = ${valueOf(counter, stored[index]!)}`).join(', ')}, and a change of ` +
      `${counters.map((counter, index) => valueOf(counter, amounts[index]!)).join(', ')} would make a count negative: rows were written past the counters. Recount it, then try again.`,
  );
}

/** Returns the error for a target row that does not exist: COUNTER_TARGET_MISSING. */
export function targetMissing({ target }: CounterGroup, key: Key): CounterError {
  return new CounterError(
    'COUNTER_TARGET_MISSING',
    `${target.className} ${key.join(', ')} does not exist (any more), so nothing can be counted into it.`,
  );
}
