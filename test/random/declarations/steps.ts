import { FlushMode } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import fc from 'fast-check';
import { CounterError, deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import { strategy, type EngineDatabaseKind } from '../../support/databases.js';
import { anyRow, anyTameRow } from '../conditions/arbitraries.js';
import { referenceTo, referredColumn, type Sea, type SeaRow } from './sea.js';
import type { Contents } from './totals.js';

/** A row by its place among those that are there, from the first on again after the last; 9 stands for none. */
const anyPlace = fc.nat({ max: 9 });
const picks = fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 4 });
const worth = fc.option(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), { freq: 4 });
const anyFinder = fc.record({ type: fc.constantFrom('keeper', 'ocean'), place: anyPlace });
const shell = (row: typeof anyRow) => fc.record({ row, shore: anyPlace, finder: anyFinder, worth });
const fewShells = (row: typeof anyRow) => fc.array(shell(row), { minLength: 1, maxLength: 4 });
const byReference = fc.boolean();
const isMoved = fc.boolean();

/** A part of one flush. */
const anyPart = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('create' as const), shells: fewShells(anyRow) }) },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('update' as const), picks, byReference, isMoved, to: shell(anyRow) }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('remove' as const), picks, byReference }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('move shores' as const), picks, byReference, coast: anyPlace }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('turn shores' as const), picks, wild: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('move coasts' as const), picks, ocean: anyPlace }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('add a shore' as const), coast: anyPlace, shells: fewShells(anyRow) }),
  },
);

/** One write: a flush of several parts, a bulk write, or SQL of another program where triggers count. */
const anyWrite = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant('flush' as const),
      parts: fc.array(anyPart, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('insertMany' as const), shells: fewShells(anyTameRow) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('updateWhere' as const),
      picks,
      isMoved,
      to: fc.oneof(shell(anyRow), shell(anyTameRow)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('deleteWhere' as const), shore: anyPlace }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('move shores at once' as const), picks, coast: anyPlace }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('remove a shore' as const), shore: anyPlace }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('number a shore' as const), place: anyPlace, picks, isMoved, worth }),
  },
  {
    weight: strategy === 'triggers' ? 4 : 0,
    arbitrary: fc.record({
      type: fc.constant('SQL' as const),
      what: fc.constantFrom('move', 'change', 'copy', 'delete', 'move shores'),
      picks,
      place: anyPlace,
    }),
  },
);

/** A write, or several in one transaction, which may be rolled back. */
export const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ writes: fc.tuple(anyWrite), end: fc.constant(null), loads: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      writes: fc.array(anyWrite, { minLength: 1, maxLength: 4 }),
      end: fc.constantFrom('commit' as const, 'rollback' as const),
      loads: fc.boolean(),
    }),
  },
);

type Part = typeof anyPart extends fc.Arbitrary<infer Value> ? Value : never;
type Write = typeof anyWrite extends fc.Arbitrary<infer Value> ? Value : never;
export type Step = typeof anyStep extends fc.Arbitrary<infer Value> ? Value : never;
type AnyShell = ReturnType<typeof shell> extends fc.Arbitrary<infer Value> ? Value : never;

/** Ends a transaction. */
class Undone extends Error {}

/** Returns the number of operations in a step: the parts of its flushes, its bulk writes and its SQL. */
export function operationsIn({ writes }: Step): number {
  return writes.reduce((count, write) => count + (write.type === 'flush' ? write.parts.length : 1), 0);
}

/**
 * Does a step, and calls `check` after each of its writes with the entity manager that has done it; `check` returns what
 * the tables contain, and `contents` is what they contain before. Returns what they contain afterwards.
 */
export async function perform(
  em: SqlEntityManager,
  kind: EngineDatabaseKind,
  sea: Sea,
  { writes, end, loads }: Step,
  contents: Contents,
  check: (em: SqlEntityManager) => Promise<Contents>,
): Promise<Contents> {
  if (loads) for (const target of [sea.Ocean, sea.Coast, sea.Shore, sea.Keeper]) await em.find(target, {});
  const all = async (inner: SqlEntityManager): Promise<Contents> => {
    let found = contents;
    for (const write of writes) {
      await new Writer(inner, kind, sea, found).write(write);
      found = await check(inner);
      // What bulk writes and SQL have changed is stale in memory.
      if (write.type !== 'flush') inner.clear();
    }
    return found;
  };
  if (end === null) return all(em);
  try {
    await em.transactional(async inner => {
      await all(inner);
      if (end === 'rollback') throw new Undone();
    });
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
  }
  // The engine sees no SQL of another program, and a rollback takes that back.
  if (end === 'commit' && writes.some(({ type }) => type === 'SQL')) em.clear();
  return check(em);
}

/** Writes by one entity manager. */
class Writer {
  readonly #removed = new Set<number>();
  #lastNumber = 0;

  constructor(
    private readonly em: SqlEntityManager,
    private readonly kind: EngineDatabaseKind,
    private readonly sea: Sea,
    private readonly contents: Contents,
  ) {}

  async write(write: Write): Promise<void> {
    const { em, sea } = this;
    switch (write.type) {
      case 'flush':
        // Reading flushes nothing: all parts are one flush.
        em.setFlushMode(FlushMode.COMMIT);
        for (const part of write.parts) await this.#prepare(part);
        return em.flush();
      case 'insertMany': {
        const rows = write.shells.map(one => this.#dataOf(one, true, true));
        return this.#unlessRefused(() => insertMany(em, sea.Shell, rows as never));
      }
      case 'updateWhere': {
        const data = this.#dataOf(write.to, write.isMoved, true);
        const where = { id: this.#pick('shell', write.picks) };
        return this.#unlessRefused(() => updateWhere(em, sea.Shell, where as never, data as never));
      }
      case 'deleteWhere':
        await deleteWhere(em, sea.Shell, { shore: this.#at('shore', write.shore) });
        return;
      case 'move shores at once': {
        const [where, data] = [{ id: this.#pick('shore', write.picks) }, { coast: this.#at('coast', write.coast) }];
        if (sea.draw.shoreLevels > 0 || sea.draw.aspects.some(({ by, levels }) => by === 'shore' && levels > 1))
          await updateWhere(em, sea.Shore, where as never, data as never);
        // Nothing counts shores.
        else await em.nativeUpdate(sea.Shore, where, data as never);
        return;
      }
      case 'remove a shore': {
        const key = this.#at('shore', write.shore);
        if (key === null || this.#keys('shore').length < 3) return;
        for (const one of await em.find(sea.Shell, { shore: key })) em.remove(one);
        const row = this.contents.get('shore')!.find(one => Number(one[referredColumn(sea, 'shore')]) === key)!;
        em.remove(em.getReference(sea.Shore, Number(row['id']) as never));
        return em.flush();
      }
      case 'number a shore': {
        const taken = new Set(this.contents.get('shell')!.map(one => one['shore_id']));
        const empty = this.contents.get('shore')!.filter(one => !taken.has(one[referredColumn(sea, 'shore')]));
        if (empty.length === 0) return;
        const { id } = empty[write.place % empty.length]!;
        const shore = await em.findOneOrFail(sea.Shore, Number(id));
        shore['number'] = this.#freshNumber();
        // Rows come in the flush in which the shore gets the number by which they refer to it.
        const data = { worth: write.worth, ...(write.isMoved && { shore: referenceTo(sea, 'shore', shore) }) };
        for (const one of await this.#taken('shell', write.picks, false)) em.assign(one, data as never);
        return em.flush();
      }
      case 'SQL':
        return this.#sendSql(write);
    }
  }

  async #prepare(part: Part): Promise<void> {
    const { em, sea } = this;
    switch (part.type) {
      case 'create':
        for (const one of part.shells) em.create(sea.Shell, this.#dataOf(one) as never);
        return;
      case 'update': {
        const data = this.#dataOf(part.to, part.isMoved);
        for (const one of await this.#taken('shell', part.picks, part.byReference)) em.assign(one, data as never);
        return;
      }
      case 'remove':
        for (const one of await this.#taken('shell', part.picks, part.byReference)) {
          this.#removed.add(one.id);
          em.remove(one);
        }
        return;
      case 'move shores':
      case 'turn shores': {
        const isMove = part.type === 'move shores';
        const data = isMove ? { coast: this.#at('coast', part.coast) } : { wild: part.wild };
        for (const one of await this.#taken('shore', part.picks, isMove && part.byReference))
          em.assign(one, data as never);
        return;
      }
      case 'move coasts': {
        const ocean = this.#at('ocean', part.ocean);
        for (const one of await this.#taken('coast', part.picks, false)) em.assign(one, { ocean } as never);
        return;
      }
      case 'add a shore': {
        const data = { coast: this.#at('coast', part.coast), number: this.#freshNumber() };
        const shore = referenceTo(sea, 'shore', em.create(sea.Shore, data as never));
        for (const one of part.shells) em.create(sea.Shell, { ...this.#dataOf(one), shore } as never);
        return;
      }
    }
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
    this.em.clear();
  }

  /** Returns the values of a shell; one that is not moved keeps its shore. */
  #dataOf({ row, shore, finder, worth }: AnyShell, isMoved = true, inBulk = false): Record<string, unknown> {
    return {
      ...(this.kind === 'sqlite' ? withExactNumbers(row) : row),
      worth,
      ...(isMoved && { shore: this.#at('shore', shore), ...this.#finder(finder, inBulk) }),
    };
  }

  /** Returns the finder of a shell. MikroORM takes the type and the key of one in bulk writes, and no entity, nor null. */
  #finder({ type, place }: AnyShell['finder'], inBulk: boolean): Record<string, unknown> {
    const ids = this.#ids(type);
    if (place === 9) return inBulk ? {} : { finder: null };
    const id = ids[place % ids.length]!;
    const entity = type === 'keeper' ? this.sea.Keeper : this.sea.Ocean;
    return { finder: inBulk ? [type, id] : this.em.getReference(entity, id as never) };
  }

  /** Returns rows to be changed, loaded or by reference, without those that are to be removed. */
  async #taken(table: 'shell' | 'shore' | 'coast', picks: readonly number[], byReference: boolean): Promise<SeaRow[]> {
    const entity = { shell: this.sea.Shell, shore: this.sea.Shore, coast: this.sea.Coast }[table];
    const ids = this.#pick(table, picks).filter(id => table !== 'shell' || !this.#removed.has(id));
    return Promise.all(
      ids.map(id =>
        byReference ? this.em.getReference(entity, id as never) : this.em.findOneOrFail(entity, id as never),
      ),
    ) as Promise<SeaRow[]>;
  }

  #pick(table: string, picks: readonly number[]): number[] {
    const ids = this.#ids(table);
    return [...new Set(picks.flatMap(pick => ids[pick % ids.length] ?? []))];
  }

  /** Returns the key by which a row refers to a target. */
  #at(table: string, place: number): number | null {
    if (place === 9) return null;
    const keys = this.#keys(table);
    return keys[place % keys.length] ?? null;
  }

  #keys(table: string): number[] {
    return this.#numbers(table, referredColumn(this.sea, table));
  }

  /** Returns a number that no shore has yet, and no other one of the same flush gets. */
  #freshNumber(): number {
    this.#lastNumber = Math.max(...this.#numbers('shore', 'number'), this.#lastNumber) + 1;
    return this.#lastNumber;
  }

  #ids(table: string): number[] {
    return this.#numbers(table, 'id');
  }

  #numbers(table: string, column: string): number[] {
    return this.contents.get(table)!.map(row => Number(row[column]));
  }

  /** Does a bulk write; one that is refused because its values cannot be foreseen must change nothing. */
  async #unlessRefused(write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!(error instanceof CounterError && error.code === 'COUNTER_BYPASS')) throw error;
    }
  }
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
