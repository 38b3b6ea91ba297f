import {
  ReferenceKind,
  Utils,
  type EntityData,
  type EntityMetadata,
  type EntityName,
  type FilterQuery,
  type RequiredEntityData,
  type Transaction,
} from '@mikro-orm/core';
import { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import { Tally, type KeyedDelta } from '../counts/deltas.js';
import { defaultedColumn, stateInDatabase, type RowState } from '../counts/row-states.js';
import { mayBeLoaded } from '../counts/loaded-targets.js';
import { StoredCounts, targetMissing } from '../counts/stored-counts.js';
import { refuseReferredTargets, withoutLostTargets, withoutTargets } from '../counts/kept-targets.js';
import { keptGroups, type CounterGroup } from '../declarations/counter-group.js';
import { keyColumns } from '../declarations/key-parts.js';
import { isSameTable } from '../declarations/inheritance.js';
import { registryOf, type CounterRegistry, type Reach } from '../declarations/registry.js';
import { summedInto, withOnward } from '../declarations/levels.js';
import { compareGroups, groupsIn, groupsInto, type LocatedGroup } from '../declarations/schemas.js';
import { CounterError } from '../errors.js';
import { bypassRefused } from '../events.js';
import { refusePendingRows, refusePendingSums } from '../flush/pending-changes.js';
import { DirectWrites } from '../guards/direct-writes.js';
import { counted, countedByKeys, replaced, type ConditionalWrite } from '../guards/write-scope.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { execute, quoted, tableName, type Fragment, type Row } from '../sql/fragments.js';
import { hashOf, sendable, type Key } from '../sql/key.js';
import { leftToTriggers, requireTriggers, type LeftToTriggers } from '../triggers/strategy.js';
import { keyCondition, MatchingRows, type MatchingRow } from './matching-rows.js';
import { makersOf, withDefaults, withPlainDefaults, withUpdateValues } from './completed-data.js';
import { refuseOptions, type DeleteWhereOptions, type InsertManyOptions, type UpdateWhereOptions } from './options.js';
import { ColumnWriter } from './written-columns.js';

/** The most rows that one INSERT of a bulk write names. */
const MAX_INSERTED_ROWS = 1000;

/**
 * The most rows that one UPDATE or DELETE names: on SQLite nothing else runs meanwhile, and each row has to be changed in
 * all indexes.
 */
const MAX_CHANGED_ROWS = 500;

/** An entity whose rows are counted, and how. */
interface Described {
  readonly registry: CounterRegistry;
  readonly meta: EntityMetadata;
  readonly groups: readonly LocatedGroup[];
}

/** What MikroORM's driver returns for a write. */
interface WriteResult {
  readonly affectedRows: number;
}

/** The part of MikroORM's drivers that knows the option unionWhere. */
interface Unions {
  applyUnionWhere: (meta: EntityMetadata, where: unknown, options: object, forChange: boolean) => Promise<unknown>;
}

/** The options with which MikroORM calls its driver. */
type DriverOptions = UpdateWhereOptions<object> & { readonly em: unknown; readonly convertCustomTypes?: boolean };

/**
 * Inserts many counted rows with summed deltas: one UPDATE for many targets, then multi-row INSERTs.
 *
 * Runs in a transaction of its own, or in a savepoint of the open one, and flushes nothing. Rows and options are those
 * of em.insertMany(). Properties left out take their onCreate value or default. Returns the number of rows. Errors,
 * after which nothing is written: the database's own for duplicates; COUNTER_TARGET_MISSING; COUNTER_BYPASS where a
 * counter cannot know what a row will contain; COUNTER_ASSIGNED for a stored count; COUNTER_DECLARATION for an option
 * that it does not have.
 */
export async function insertMany<Entity extends object>(
  em: SqlEntityManager,
  entity: EntityName<Entity>,
  rows: readonly RequiredEntityData<Entity>[],
  options: InsertManyOptions<Entity> = {},
): Promise<number> {
  refuseOptions('insertMany', options);
  const { registry, meta, groups } = described(em, entity, options.schema, 'new');
  if (meta.tptParent)
    throw bypassRefused(
      meta.className,
      `insertMany() would write the table ${meta.tableName} alone, and each ${meta.className} has a part in ${meta.root.tableName} too. Create entities instead.`,
    );
  if (rows.length === 0) return 0;
  // As em.insertMany() does, by the first row.
  const areEntities = Utils.isEntity(rows[0]);
  const makers = makersOf(meta, 'onCreate');
  const filled = areEntities ? rows : rows.map(row => withDefaults(em, meta, groups, makers, row));
  const writer = new ColumnWriter(em, meta, groups, !areEntities && (options.convertCustomTypes ?? true));
  const writes = new DirectWrites(registry);
  const states = filled.map(row => {
    const data = areEntities ? withPlainDefaults(meta, groups, em.getComparator().prepareEntity(row)) : row;
    writes.refuseUncounted('insertMany()', meta, data, true);
    const written = writer.written(data, true);
    const unknown = written.unforeseeable ?? defaultedColumn(written.row, groups);
    if (unknown === undefined) return stateInDatabase(written.row, groups);
    throw bypassRefused(
      meta.className,
      `insertMany() on ${meta.className} cannot know what the database makes of ${unknown}. Write such rows as entities.`,
    );
  });
  const insert = async (transaction: Transaction, stored: StoredCounts, left: LeftToTriggers): Promise<number> => {
    const tally = new Tally();
    for (const state of states) tally.change(groups, null, state);
    const deltas = tally.deltas() as KeyedDelta[];
    const isLoaded = ({ group, target }: KeyedDelta): boolean => mayBeLoaded(em, group, [target.key]);
    const beside = left.all || left.some.size > 0;
    const kept = keptGroups(groups);
    if (beside || deltas.some(isLoaded))
      await lockAll(stored, beside ? withOnward(em, registry, groups) : groups, states);
    else if (kept.length > 0) await lockAll(stored, groups, states);
    if (kept.length > 0) for (const state of states) await withoutLostTargets(em, stored, kept, null, state);
    await addAll(em, registry, deltas, stored, left);
    for (let start = 0; start < filled.length; start += MAX_INSERTED_ROWS) {
      const some = filled.slice(start, start + MAX_INSERTED_ROWS);
      await counted(() =>
        SqlEntityManager.prototype.insertMany.call(em, entity as EntityName<object>, some, {
          ...(options as InsertManyOptions<object>),
          ctx: transaction,
        }),
      );
    }
    return filled.length;
  };
  return em.withSessionContext(options.ctx ?? em.getTransactionContext(), open =>
    inTransaction(em, registry, groups, open, insert),
  );
}

/**
 * Updates all counted rows that match, as insertMany() inserts them, and returns their number. Condition, data and
 * options are those of em.nativeUpdate(). Properties left out take their onUpdate value. Errors: COUNTER_CONFLICT, and
 * those of insertMany().
 */
export async function updateWhere<Entity extends object>(
  em: SqlEntityManager,
  entity: EntityName<Entity>,
  where: FilterQuery<NoInfer<Entity>>,
  data: EntityData<Entity>,
  options: UpdateWhereOptions<Entity> = {},
): Promise<number> {
  refuseOptions('updateWhere', options);
  const row = described(em, entity, options.schema);
  const given = withUpdateValues(em, row.meta, data);
  new DirectWrites(row.registry).refuseUncounted('updateWhere()', row.meta, given, false);
  return changing('nativeUpdate', row, () =>
    SqlEntityManager.prototype.nativeUpdate.call(em, entity as EntityName<object>, where, given, options as object),
  );
}

/**
 * Deletes all counted rows that match, in a transaction of its own or a savepoint, and returns their number. Condition
 * and options are those of em.nativeDelete(). Errors: COUNTER_CONFLICT, and COUNTER_DECLARATION for an option that it
 * does not have.
 */
export async function deleteWhere<Entity extends object>(
  em: SqlEntityManager,
  entity: EntityName<Entity>,
  where: FilterQuery<NoInfer<Entity>>,
  options: DeleteWhereOptions<Entity> = {},
): Promise<number> {
  refuseOptions('deleteWhere', options);
  return changing('nativeDelete', described(em, entity, options.schema), () =>
    SqlEntityManager.prototype.nativeDelete.call(em, entity as EntityName<object>, where, options as object),
  );
}

/**
 * Locks target rows of a counter in ascending key order, as the engine does, and returns the keys that exist. They are the
 * keys to which the relation `by` refers; where it leads to several entities, those of `target`.
 *
 * For transactions of several flushes: locking all targets first keeps the order that prevents deadlocks.
 */
export async function lockTargets(
  em: SqlEntityManager,
  entity: EntityName<object>,
  by: string,
  keys: readonly Key[],
  target?: EntityName<object>,
): Promise<Key[]> {
  const { registry, meta, groups } = described(em, entity, em.schema, 'known');
  const wanted = target && (em.getMetadata(target) as unknown as EntityMetadata);
  const mine = groups.filter(one => one.by === by && (!wanted || isSameTable(one.target, wanted)));
  if (mine.length > 1 && !wanted && mine.some(({ discriminator }) => discriminator))
    throw new CounterError(
      'COUNTER_DECLARATION',
      `${meta.className} is counted by "${by}" into several entities: ${mine.map(one => one.target.className).join(', ')}. Name one of them after the keys.`,
    );
  if (mine.length === 0) throw new CounterError('COUNTER_DECLARATION', `${meta.className} is not counted by "${by}".`);
  const transaction = em.getTransactionContext();
  if (!transaction)
    throw new CounterError(
      'COUNTER_TRANSACTION',
      'Locking counted targets needs an open transaction: use em.transactional().',
    );
  const stored = new StoredCounts(em, transaction);
  for (const group of mine.toSorted(compareGroups)) await stored.lock(group, keys);
  for (const sum of withOnward(em, registry, mine).slice(mine.length)) await stored.lock(sum, stored.onwardKeys(sum));
  return keys.filter(key => mine.some(group => stored.isLocked(group, key)));
}

/** Runs a method of MikroORM's entity manager, such that what it would have its driver change is counted. */
function changing<Result>(method: ConditionalWrite, row: Described, work: () => Promise<Result>): Promise<Result> {
  return replaced(
    {
      entity: row.meta.class,
      method,
      write: (original, [entity, where, ...rest]) => {
        const options = rest.at(-1) as DriverOptions;
        const data = rest.length > 1 ? (rest[0] as object) : null;
        const em = options.em as SqlEntityManager;
        return changeRows(row, where, data, options, async (keys, settings) => {
          const deletion = data ? null : deletionOf(em, row.meta, keys, settings);
          if (deletion) return { affectedRows: await execute(em, settings.ctx, deletion) };
          const some = keyCondition(em, row.meta, keys);
          const parameters = data ? [ownedBy(row.meta, where, data, some), { ...data }] : [some];
          return (await original(entity, ...parameters, settings)) as WriteResult;
        });
      },
    },
    work,
  );
}

/** Counts and changes all rows that a condition matches, as MikroORM's driver has got it. No data: they are deleted. */
async function changeRows(
  { registry, meta, groups }: Described,
  where: unknown,
  data: object | null,
  options: DriverOptions,
  write: (keys: readonly Key[], settings: DriverOptions & { readonly ctx: Transaction }) => Promise<WriteResult>,
): Promise<WriteResult> {
  const em = options.em as SqlEntityManager;
  const patch = data && new ColumnWriter(em, meta, groups, options.convertCustomTypes).written(data, false);
  const foreseen = patch?.unforeseeable === undefined;
  return inTransaction(em, registry, groups, options.ctx, async (transaction, stored, left) => {
    const settings = { ...options, ctx: transaction };
    const condition = {
      where: await withUnion(em, meta, where, settings),
      // Its driver gets the condition of a DELETE in converted form.
      convertCustomTypes: data !== null && (options.convertCustomTypes ?? true),
      options: settings,
    };
    const matching = new MatchingRows(em, transaction, meta, groups, condition);
    const before = ({ row }: MatchingRow): RowState => stateInDatabase(row, groups);
    const after = ({ row }: MatchingRow): RowState | null =>
      patch && foreseen ? stateInDatabase({ ...row, ...patch.row }, groups) : null;
    const { chunks, samples } = await matching.survey();
    // Rows whose own counts are summed are locked in their place among the targets, and these after them.
    const between = summedInto(em, registry, meta, groups[0]!.countedSchema);
    const place = between[0]?.order ?? Infinity;
    const [sooner, later] = [groups.filter(({ order }) => order < place), groups.filter(({ order }) => order >= place)];
    const beside = left.all || left.some.size > 0;
    const first = beside ? withOnward(em, registry, sooner) : sooner;
    await lockAll(stored, first, [...samples.map(before), ...samples.flatMap(sample => after(sample) ?? [])]);
    const targets = new Map<string, RowState>();
    const tally = new Tally();
    const keys: Key[] = [];
    // Chunk by chunk, and without keeping the rows that are counted: there may be millions.
    for (const chunk of chunks) {
      // By their keys and in ascending order, as others lock them.
      for (const group of between) await stored.lock(group, await matching.keys(chunk), 'primary');
      for (const found of await matching.lock(chunk)) {
        const read = [before(found), after(found)] as const;
        const [state, next] = (
          keptGroups(sooner).length === 0 ? read : await withoutLostTargets(em, stored, sooner, ...read)
        ) as [RowState, RowState | null];
        requireLocked(meta, sooner, state, stored);
        tally.change(groups, state, next);
        keys.push(found.key);
        if (later.length === 0) continue;
        for (const one of [state, next])
          if (one) targets.set(hashOf(later.map(group => hashOf(keyOf(one, group)?.[0] ?? []))), one);
      }
    }
    await lockAll(stored, beside ? withOnward(em, registry, later) : later, [...targets.values()]);
    refusePendingRows(groups, keys);
    const add = (): Promise<void> => addAll(em, registry, tally.deltas() as KeyedDelta[], stored, left);
    if (foreseen) await add();
    let affectedRows = 0;
    for (let start = 0; start < keys.length; start += MAX_CHANGED_ROWS) {
      const some = keys.slice(start, start + MAX_CHANGED_ROWS);
      affectedRows += (await countedByKeys(() => write(some, settings))).affectedRows;
      if (foreseen) continue;
      // What the database has made of the data is in the rows.
      const states = (await matching.byKeys(some.map(key => keyAfter(meta, key, patch.row)))).map(before);
      await lockAll(stored, beside ? withOnward(em, registry, groups) : groups, states);
      for (const state of states) tally.change(groups, ...(await withoutLostTargets(em, stored, groups, null, state)));
    }
    if (!foreseen) await add();
    if (!patch || patch.unforeseeable !== undefined || keyColumns(meta).some(column => column in patch.row))
      for (const group of keptGroups(groupsInto(em, registry, meta, groups[0]!.countedSchema)))
        await refuseReferredTargets(em, transaction, group, await withoutTargets(em, transaction, group, keys));
    return { affectedRows };
  });
}

/**
 * Returns a DELETE of the rows with some keys, where the database needs one of its own; not for a driver of the
 * application's that deletes in its own way.
 */
function deletionOf(
  em: SqlEntityManager,
  meta: EntityMetadata,
  keys: readonly Key[],
  { schema }: UpdateWhereOptions<object>,
): Fragment | null {
  // The class is asked, since the guard is a method of the object.
  const ofClass: unknown = Reflect.get(Object.getPrototypeOf(em.getDriver()) as object, 'nativeDelete');
  if (ofClass !== Reflect.get(AbstractSqlDriver.prototype, 'nativeDelete')) return null;
  const columns = keyColumns(meta).map(column => quoted(em, column));
  const sql = dialectOf(em).deleteByKeys?.(tableName(em, meta, schema), columns, keys.length);
  return sql === undefined ? null : { sql, parameters: keys.flatMap(key => key.map(sendable)) };
}

/** Returns the key of a row after a change of some columns. */
function keyAfter(meta: EntityMetadata, key: Key, row: Row): Key {
  return keyColumns(meta).map((column, index) => (column in row ? row[column] : key[index]));
}

/** Returns a condition with the other conditions of which one has to be met too, where the options have such. */
async function withUnion(
  em: SqlEntityManager,
  meta: EntityMetadata,
  where: unknown,
  options: UpdateWhereOptions<object>,
): Promise<unknown> {
  if (!options.unionWhere?.length) return where;
  // MikroORM has it for its drivers alone.
  const driver = em.getDriver() as unknown as Unions;
  return driver.applyUnionWhere(meta, where, options, true);
}

/** Returns the condition of an UPDATE for some keys. MikroORM takes the owner of many-to-many collections out of it. */
function ownedBy(meta: EntityMetadata, where: unknown, data: object, keys: object): object {
  const collections = meta.relations.some(({ kind, name }) => kind === ReferenceKind.MANY_TO_MANY && name in data);
  if (!collections || !Utils.isPlainObject(where)) return keys;
  return { ...Object.fromEntries(Object.entries(where).filter(([name]) => meta.primaryKeys.includes(name))), ...keys };
}

/** Locks the targets of some states: all rows of a table together, so that the table has one order of locks. */
async function lockAll(
  stored: StoredCounts,
  groups: readonly CounterGroup[],
  states: readonly RowState[],
): Promise<void> {
  const own = groups[0]?.counted;
  for (const [, mine] of Map.groupBy(groups, ({ target }) => target))
    await stored.lockTogether(mine, group =>
      group.counted === own ? states.flatMap(state => keyOf(state, group) ?? []) : stored.onwardKeys(group),
    );
}

/** Returns the key of a row's target in a group, in a list; undefined: the row has none. */
function keyOf({ targets }: RowState, { slot }: CounterGroup): [Key] | undefined {
  const pointer = targets[slot];
  return pointer && 'key' in pointer ? [pointer.key] : undefined;
}

function requireLocked(
  meta: EntityMetadata,
  groups: readonly CounterGroup[],
  state: RowState,
  stored: StoredCounts,
): void {
  const unlocked = stored.unlockedTarget(groups, state);
  if (!unlocked) return;
  throw new CounterError(
    'COUNTER_CONFLICT',
    `While ${meta.className} rows were being chosen, one came to ${unlocked.group.target.className} ${unlocked.key.join(', ')}. Repeat the change in a new transaction.`,
  );
}

/** Adds the deltas of a bulk write, and what other stored counts sum of them, without what triggers add. */
async function addAll(
  em: SqlEntityManager,
  registry: CounterRegistry,
  deltas: readonly KeyedDelta[],
  stored: StoredCounts,
  left: LeftToTriggers,
): Promise<void> {
  if (left.all) return refuseMissing(deltas, stored);
  refusePendingSums(em, registry, deltas);
  await stored.addThroughLevels(deltas, left.some);
}

function refuseMissing(deltas: readonly KeyedDelta[], stored: StoredCounts): void {
  const missing = deltas.find(({ group, target }) => !stored.isLocked(group, target.key));
  if (missing) throw targetMissing(missing.group, missing.target.key);
}

function described<Entity extends object>(
  em: SqlEntityManager,
  entity: EntityName<Entity>,
  schema = em.schema,
  reach: Reach = 'table',
): Described {
  const registry = registryOf(em);
  const meta = em.getMetadata(entity) as unknown as EntityMetadata;
  const groups = registry ? groupsIn(em, registry, meta, schema, reach) : [];
  if (!registry || groups.length === 0)
    throw new CounterError(
      'COUNTER_DECLARATION',
      `No counter counts ${meta.className}. Declare one, or write with the entity manager.`,
    );
  return { registry, meta, groups };
}

/**
 * Runs work in a transaction of its own or a savepoint of the open one, so that a failure that is caught leaves nothing
 * behind. Then puts the counts into loaded targets.
 */
async function inTransaction<Result>(
  em: SqlEntityManager,
  registry: CounterRegistry,
  groups: readonly LocatedGroup[],
  open: Transaction,
  work: (transaction: Transaction, stored: StoredCounts, left: LeftToTriggers) => Promise<Result>,
): Promise<Result> {
  const { result, stored } = await em.getConnection('write').transactional(
    async transaction => {
      const counts = new StoredCounts(em, transaction);
      const all = withOnward(em, registry, groups);
      const left = await leftToTriggers(em, transaction, registry, all);
      const outcome = await work(transaction, counts, left);
      if (left.all) await requireTriggers(em, transaction, registry, all);
      if (left.all || left.some.size > 0) await counts.reread();
      return { result: outcome, stored: counts };
    },
    open ? { ctx: open } : {},
  );
  stored.refresh(open);
  return result;
}
