import { FlushMode, helper } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError, deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import type { EngineDatabaseKind } from '../../support/databases.js';
import { rangeOf, type Progress } from './progress.js';
import { referenceTo, referredColumn, type Sea, type SeaRow } from './sea.js';
import type { AnyShell, Part, Picks, Step, Write } from './steps.js';
import type { Contents } from './totals.js';

/** Ends a transaction. */
class Undone extends Error {}

/** The most shores that stay after a step; then many are removed at once, and also where there are too many shells. */
const MOST_SHORES = 9;
/** The number of shores that then stay. */
const KEPT_SHORES = 4;

/** What a step is done with. */
export interface Scene {
  readonly kind: EngineDatabaseKind;
  readonly sea: Sea;
  readonly progress: Progress;
  /**
   * Compares all stored counts with the rows, and what an entity manager shows with what is stored; returns what the
   * tables contain.
   */
  readonly check: (em: SqlEntityManager) => Promise<Contents>;
}

/**
 * Does a step, and checks after each of its writes; `contents` is what the tables contain before. Returns what they
 * contain afterwards.
 */
export async function perform(em: SqlEntityManager, scene: Scene, step: Step, contents: Contents): Promise<Contents> {
  const { sea, check, progress } = scene;
  const { writes, end, loads, thins } = step;
  if (loads) for (const target of [sea.Ocean, sea.Coast, sea.Shore, sea.Keeper]) await em.find(target, {});
  progress.note('steps', end === null ? 'without a transaction' : `transaction with ${end}`);
  const all = async (inner: SqlEntityManager): Promise<Contents> => {
    let found = contents;
    for (const write of writes) {
      await new Writer(inner, scene, found).write(write);
      found = await check(inner);
      // What bulk writes and SQL have changed is stale in memory.
      if (write.type !== 'flush') inner.clear();
    }
    return found;
  };
  let found: Contents;
  if (end === null) found = await all(em);
  else {
    try {
      await em.transactional(async inner => {
        await all(inner);
        if (end === 'rollback') throw new Undone();
      });
    } catch (error) {
      if (!(error instanceof Undone)) throw error;
    }
    // What was loaded before the transaction is stale, unless flushes alone have changed it; a rollback takes that back.
    if (end === 'commit' && writes.some(({ type }) => type !== 'flush')) em.clear();
    found = await check(em);
  }
  if (found.get('shell')!.length <= sea.draw.mostShells && found.get('shore')!.length <= MOST_SHORES) return found;
  await new Writer(em, scene, found).thin(thins);
  found = await check(em);
  em.clear();
  return found;
}

/** Writes by one entity manager. */
class Writer {
  readonly #removed = new Set<number>();
  /** The keys of the rows that were there before, by table and column. */
  readonly #numbers = new Map<string, number[]>();
  #lastNumber: number | undefined;

  constructor(
    private readonly em: SqlEntityManager,
    private readonly scene: Scene,
    private readonly contents: Contents,
  ) {}

  async write(write: Write): Promise<void> {
    const { em } = this;
    const { sea, progress } = this.scene;
    switch (write.type) {
      case 'flush': {
        // Reading flushes nothing: all parts are one flush.
        em.setFlushMode(FlushMode.COMMIT);
        await this.#load(write.parts);
        let parts = 0;
        for (const part of write.parts) {
          if (!(await this.#prepare(part))) continue;
          parts += 1;
          progress.note('parts', nameOf(part));
        }
        progress.note('flushes', `of ${rangeOf(parts)} parts`);
        return em.flush();
      }
      case 'insertMany': {
        const rows = repeated(write.shells, write.times).map(one => this.#dataOf(one, true, true));
        return this.#inBulk(write.type, rows.length, () => insertMany(em, sea.Shell, rows as never));
      }
      case 'updateWhere': {
        const data = this.#dataOf(write.to, write.isMoved, true);
        const ids = this.#pick('shell', write.picks);
        return this.#inBulk(write.type, ids.length, () => updateWhere(em, sea.Shell, { id: ids }, data as never));
      }
      case 'deleteWhere': {
        const key = this.#at('shore', write.shore);
        const rows = this.#rows('shell').filter(
          row => (row['shore_id'] === null ? null : Number(row['shore_id'])) === key,
        );
        return this.#inBulk(write.type, rows.length, () => deleteWhere(em, sea.Shell, { shore: key }));
      }
      case 'move shores at once': {
        const ids = this.#pick('shore', write.picks);
        const data = { coast: this.#at('coast', write.coast) };
        return this.#inBulk(write.type, ids.length, () =>
          this.#countsShores
            ? updateWhere(em, sea.Shore, { id: ids }, data as never)
            : em.nativeUpdate(sea.Shore, { id: ids }, data as never),
        );
      }
      case 'remove a shore': {
        const key = this.#at('shore', write.shore);
        if (key === null || this.#keys('shore').length < 3) return;
        await this.#removeShores([key]);
        progress.note('flushes', 'that remove a shore with its shells');
        return em.flush();
      }
      case 'number a shore': {
        const taken = new Set(this.#rows('shell').map(one => one['shore_id']));
        const empty = this.#rows('shore').filter(one => !taken.has(one[referredColumn(sea, 'shore')]));
        if (empty.length === 0) return;
        const { id } = empty[write.place % empty.length]!;
        const shore = await em.findOneOrFail(sea.Shore, Number(id));
        shore['number'] = this.#freshNumber();
        progress.note('flushes', 'that give a shore another number');
        // Rows come in the flush in which the shore gets the number by which they refer to it.
        const data = { worth: write.worth, ...(write.isMoved && { shore: referenceTo(sea, 'shore', shore) }) };
        for (const one of await this.#taken('shell', write.picks, false)) em.assign(one, data as never);
        return em.flush();
      }
      case 'SQL':
        return this.#sendSql(write);
    }
  }

  /** Removes all shores but some, with their shells, and half of the other shells. */
  async thin(how: Step['thins']): Promise<void> {
    const { em } = this;
    const { sea, progress } = this.scene;
    const keys = this.#keys('shore').slice(KEPT_SHORES);
    const half = this.#ids('shell').filter((_, place) => place % 2 === 0);
    if (how === 'in a flush') {
      await this.#removeShores(keys);
      for (const one of await em.find(sea.Shell, { id: half })) em.remove(one);
      progress.note('flushes', 'that remove many shores and shells');
      return em.flush();
    }
    const name = 'deleteWhere of many';
    await this.#inBulk(name, 1, () => deleteWhere(em, sea.Shell, { $or: [{ shore: keys }, { id: half }] }));
    const where = { [referredColumn(sea, 'shore')]: keys };
    await this.#inBulk(`${name} shores`, keys.length, () =>
      this.#countsShores ? deleteWhere(em, sea.Shore, where) : em.nativeDelete(sea.Shore, where),
    );
  }

  /** Whether a counter counts shores, or counts through them. */
  get #countsShores(): boolean {
    const { shoreLevels, aspects } = this.scene.sea.draw;
    return shoreLevels > 0 || aspects.some(({ by, levels }) => by === 'shore' && levels > 1);
  }

  /** Removes shores, by their keys, with all shells of them. */
  async #removeShores(keys: readonly number[]): Promise<void> {
    const { em } = this;
    const { sea } = this.scene;
    for (const one of await em.find(sea.Shell, { shore: keys })) em.remove(one);
    for (const row of this.#rows('shore'))
      if (keys.includes(Number(row[referredColumn(sea, 'shore')])))
        em.remove(em.getReference(sea.Shore, Number(row['id']) as never));
  }

  /**
   * Loads the rows of a flush with one statement for each table, without those that its parts first refer to without
   * loading them.
   */
  async #load(parts: readonly Part[]): Promise<void> {
    for (const table of ['shell', 'shore', 'coast'] as const) {
      const [seen, loaded] = [new Set<number>(), new Set<number>()];
      for (const part of parts) {
        if (!('picks' in part) || tableOf(part) !== table) continue;
        const isLoaded = !isByReference(part);
        for (const id of this.#pick(table, part.picks)) {
          if (isLoaded && !seen.has(id)) loaded.add(id);
          seen.add(id);
        }
      }
      if (loaded.size > 1) await this.em.find(this.#entity(table), { id: [...loaded] });
    }
  }

  /** Prepares a part of a flush, and returns whether it changes any row. */
  async #prepare(part: Part): Promise<boolean> {
    const { em } = this;
    const { sea } = this.scene;
    const taken = 'picks' in part ? await this.#taken(tableOf(part), part.picks, isByReference(part)) : [];
    switch (part.type) {
      case 'create':
        for (const one of repeated(part.shells, part.times)) em.create(sea.Shell, this.#dataOf(one) as never);
        break;
      case 'update': {
        const data = this.#dataOf(part.to, part.isMoved);
        for (const one of taken) em.assign(one, data as never);
        break;
      }
      case 'remove':
        for (const one of taken) {
          this.#removed.add(one.id);
          em.remove(one);
        }
        break;
      case 'move shores':
      case 'turn shores': {
        const data = part.type === 'move shores' ? { coast: this.#at('coast', part.coast) } : { wild: part.wild };
        for (const one of taken) em.assign(one, data as never);
        break;
      }
      case 'move coasts': {
        const ocean = this.#at('ocean', part.ocean);
        for (const one of taken) em.assign(one, { ocean } as never);
        break;
      }
      case 'add a shore': {
        const data = { coast: this.#at('coast', part.coast), number: this.#freshNumber() };
        const shore = referenceTo(sea, 'shore', em.create(sea.Shore, data as never));
        for (const one of part.shells) em.create(sea.Shell, { ...this.#dataOf(one), shore } as never);
        break;
      }
    }
    return taken.length > 0 || 'shells' in part;
  }

  async #sendSql({ what, picks, place }: Write & { type: 'SQL' }): Promise<void> {
    const isOfShores = what === 'move shores';
    const ids = this.#pick(isOfShores ? 'shore' : 'shell', picks);
    if (ids.length === 0) return;
    const where = `where id in (${ids.join(', ')})`;
    const shore = String(this.#at('shore', place));
    const columns = 'shore_id, keeper_id, whole, worth, price, name, flag, place_floor';
    const sql = {
      move: `update shell set shore_id = ${shore} ${where}`,
      change: `update shell set whole = ${place}, worth = -worth, price = null, name = 'a', place_floor = keeper_id ${where}`,
      copy: `insert into shell (${columns}) select ${columns} from shell ${where}`,
      delete: `delete from shell ${where}`,
      'move shores': `update shore set coast_id = ${String(this.#at('coast', place))} ${where}`,
    }[what];
    await this.em.execute(sql, [], 'run');
    this.scene.progress.operation(`SQL: ${what}`);
    this.em.clear();
  }

  /** Returns the values of a shell; one that is not moved keeps its shore. */
  #dataOf({ row, shore, finder, worth }: AnyShell, isMoved = true, inBulk = false): Record<string, unknown> {
    return {
      ...(this.scene.kind === 'sqlite' ? withExactNumbers(row) : row),
      worth,
      ...(isMoved && { shore: this.#at('shore', shore), ...this.#finder(finder, inBulk) }),
    };
  }

  /** Returns the finder of a shell. MikroORM takes the type and the key of one in bulk writes, and no entity, nor null. */
  #finder({ type, place }: AnyShell['finder'], inBulk: boolean): Record<string, unknown> {
    const ids = this.#ids(type);
    if (place === 9) return inBulk ? {} : { finder: null };
    const id = ids[place % ids.length]!;
    const entity = type === 'keeper' ? this.scene.sea.Keeper : this.scene.sea.Ocean;
    return { finder: inBulk ? [type, id] : this.em.getReference(entity, id as never) };
  }

  /** Returns rows to be changed, loaded or by reference, without those that are to be removed. */
  async #taken(table: ChangedTable, picks: Picks, byReference: boolean): Promise<SeaRow[]> {
    const entity = this.#entity(table);
    const unitOfWork = this.em.getUnitOfWork();
    const known = (id: number) => unitOfWork.getById<SeaRow>(entity, id);
    const ids = this.#pick(table, picks).filter(id => table !== 'shell' || !this.#removed.has(id));
    if (byReference) return ids.map(id => known(id) ?? this.em.getReference(entity, id as never));
    const missing = ids.filter(id => {
      const one = known(id);
      return !one || !helper(one).isInitialized();
    });
    if (missing.length > 0) await this.em.find(entity, { id: missing });
    return ids.map(id => known(id)!);
  }

  #entity(table: ChangedTable): Sea['Shell'] {
    const { Shell, Shore, Coast } = this.scene.sea;
    return { shell: Shell, shore: Shore, coast: Coast }[table];
  }

  #pick(table: string, picks: Picks): number[] {
    const ids = this.#ids(table);
    if (picks === 'all') return [...ids];
    return [...new Set(picks.flatMap(pick => ids[pick % ids.length] ?? []))];
  }

  /** Returns the key by which a row refers to a target. */
  #at(table: string, place: number): number | null {
    if (place === 9) return null;
    const keys = this.#keys(table);
    return keys[place % keys.length] ?? null;
  }

  #keys(table: string): readonly number[] {
    return this.#column(table, referredColumn(this.scene.sea, table));
  }

  /** Returns a number that no shore has yet, and no other one of the same flush gets. */
  #freshNumber(): number {
    this.#lastNumber = Math.max(...this.#column('shore', 'number'), this.#lastNumber ?? 0) + 1;
    return this.#lastNumber;
  }

  #ids(table: string): readonly number[] {
    return this.#column(table, 'id');
  }

  #column(table: string, column: string): readonly number[] {
    const place = `${table}.${column}`;
    const known = this.#numbers.get(place) ?? this.#rows(table).map(row => Number(row[column]));
    this.#numbers.set(place, known);
    return known;
  }

  #rows(table: string) {
    return this.contents.get(table)!;
  }

  /** Does a bulk write of some rows; one that is refused because its values cannot be foreseen must change nothing. */
  async #inBulk(name: string, rows: number, write: () => Promise<unknown>): Promise<void> {
    const { progress } = this.scene;
    try {
      await write();
      if (rows > 0) progress.operation(name);
      progress.note('bulk writes', `of ${rangeOf(rows)} rows`);
    } catch (error) {
      if (!(error instanceof CounterError && error.code === 'COUNTER_BYPASS')) throw error;
      progress.note('bulk writes', 'refused');
    }
  }
}

/** A table of rows that parts of a flush change. */
type ChangedTable = 'shell' | 'shore' | 'coast';

function tableOf({ type }: Part): ChangedTable {
  if (type === 'move shores' || type === 'turn shores') return 'shore';
  return type === 'move coasts' ? 'coast' : 'shell';
}

function isByReference(part: Part): boolean {
  return 'byReference' in part && part.byReference;
}

function nameOf(part: Part): string {
  const isMoved = part.type === 'update' && part.isMoved;
  return `${part.type}${isMoved ? ' and move' : ''}${isByReference(part) ? ' by reference' : ''}`;
}

function repeated(shells: readonly AnyShell[], times: number): AnyShell[] {
  return Array.from({ length: times }, () => shells).flat();
}

/**
 * Returns a row without whole numbers beyond 2^53 − 1, which SQLite's driver does not read, and without decimals that
 * SQLite does not round as it stores them, but only as they are summed.
 */
function withExactNumbers(row: Record<string, unknown>): Record<string, unknown> {
  const { big, price } = row;
  return {
    ...row,
    ...(typeof big === 'bigint' && { big: BigInt.asIntN(53, big) }),
    ...(price === '1.005' && { price: '1.01' }),
  };
}
