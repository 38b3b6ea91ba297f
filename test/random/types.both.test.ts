import type { EntityClass } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import fc from 'fast-check';
import { deleteWhere, insertMany, recountAll, registryOf, updateWhere, verify, type Counter } from 'mikro-orm-counters';
import { expect, it } from 'vitest';
import { Craft, Dock, Ferry, Harbour, Kite, Ship } from '../counters/models/craft.js';
import { describeOnEngineDatabases, strategy, type EngineDatabaseKind } from '../support/databases.js';
import { freshSchema } from '../support/schema.js';
import { checkRounds, readRunOptions } from './model-check.js';

const options = readRunOptions(40);
const subject = 'random rows with a table for each type';

type Type = typeof Craft | typeof Ship | typeof Ferry;
const types = [Craft, Ship, Ferry] as const;
const made = [Craft, Ship, Ferry, Kite] as const;

/** What each column stands in. */
const ownerOf = { home: Craft, mass: Craft, berth: Ship, crew: Ship, seats: Ferry } as const;
type Column = keyof typeof ownerOf;
const columns: Column[] = ['home', 'berth', 'mass', 'crew', 'seats'];

/** A counter of rows of a type, by its places in the lists of what it may be. */
const anyAspect = fc.record({
  type: fc.nat(2),
  by: fc.constantFrom<'home' | 'berth'>('home', 'berth'),
  intoDock: fc.boolean(),
  sum: fc.constantFrom<Column | null>(null, 'mass', 'crew', 'seats'),
  where: fc.constantFrom<Column | null>(null, 'mass', 'crew', 'seats'),
});
type Aspect = typeof anyAspect extends fc.Arbitrary<infer Value> ? Value : never;

const place = fc.nat(3);
const small = fc.integer({ min: -2, max: 4 });
const values = fc.record({ home: place, berth: place, mass: small, crew: fc.option(small), seats: small });
const anyPart = fc.record({
  what: fc.constantFrom('create', 'change', 'change', 'change by reference', 'remove', 'remove by reference'),
  row: fc.nat(20),
  type: place,
  names: fc.subarray(columns, { minLength: 1 }),
  values,
});
const anyStep = fc.record({
  what: fc.constantFrom('flush', 'flush', 'flush', 'rollback', 'insertMany', 'updateWhere', 'deleteWhere'),
  parts: fc.array(anyPart, { minLength: 1, maxLength: 4 }),
  type: fc.nat(2),
  bound: small,
});
type Part = typeof anyPart extends fc.Arbitrary<infer Value> ? Value : never;
type Step = typeof anyStep extends fc.Arbitrary<infer Value> ? Value : never;

/** A row with the values that it has in its tables; `types` has those of which it is. */
interface Found {
  readonly id: number;
  readonly types: readonly Type[];
  readonly values: Readonly<Record<Column, number | null>>;
}

describeOnEngineDatabases(subject, kind => {
  it(
    'random counters of rows of a type, by columns of any of its tables, equal the rows after each of random writes',
    { timeout: options.timeout },
    async () => {
      const done = await checkRounds(`${subject} on ${kind}`, options, 50, async (seed, most) => {
        let operations = 0;
        const steps = fc.array(anyStep, { minLength: Math.min(most, 5), maxLength: most, size: 'max' });
        const aspects = fc.array(anyAspect, { minLength: 2, maxLength: 4 });
        const property = fc.asyncProperty(aspects, steps, async (some, all) => {
          await check(kind, some, all);
          operations = all.reduce((sum, { parts }) => sum + parts.length, 0);
        });
        const { failed, errorInstance } = await fc.check(property, { seed, numRuns: 1 });
        if (failed) throw errorInstance;
        return operations;
      });
      expect(done).toBeGreaterThanOrEqual(options.operations);
    },
  );
});

/** Returns the type of an aspect, which has all columns that it names. */
function typeOf({ type, by, sum, where }: Aspect): Type {
  const needed = [by, sum, where].flatMap(name => (name === null ? [] : [types.indexOf(ownerOf[name])]));
  return types[Math.max(type, ...needed)]!;
}

/** Returns true for an aspect that a database counts with a strategy: triggers see the rows of one table alone. */
function isCounted(kind: EngineDatabaseKind, aspect: Aspect): boolean {
  if (strategy === 'hooks') return true;
  const type = typeOf(aspect);
  const { by, sum, where } = aspect;
  const isOne = [by, sum, where].every(name => name === null || ownerOf[name] === type);
  return isOne && (type === Craft || kind === 'sqlite' || kind === 'postgresql');
}

/** Returns the place of an aspect's stored count. */
function columnOf({ by, intoDock }: Aspect, index: number): string {
  return by === 'berth' && intoDock ? `d${index}` : `h${index}`;
}

function counterOf(aspect: Aspect, index: number): Counter {
  const { by, sum, where } = aspect;
  return {
    counted: typeOf(aspect),
    by,
    into: columnOf(aspect, index),
    ...(sum !== null && { sum }),
    where: where === null ? {} : { [where]: { $gt: 0 } },
  };
}

async function check(kind: EngineDatabaseKind, drawn: readonly Aspect[], steps: readonly Step[]): Promise<void> {
  // There is one that every database counts with every strategy.
  const first: Aspect = { type: 0, by: 'home', intoDock: false, sum: null, where: null };
  const aspects = [first, ...drawn].filter(one => isCounted(kind, one)).slice(0, 4);
  const entities = [Harbour, Dock, Craft, Ship, Ferry, Kite];
  const { database, drop } = await freshSchema(kind, { entities, counters: aspects.map(counterOf) });
  let last: unknown = 'the declarations';
  try {
    const start = database.em.fork() as SqlEntityManager;
    start.create(Harbour, {} as never);
    for (let index = 0; index < 2; index += 1) start.create(Dock, {} as never);
    await start.flush();
    for (const step of steps) {
      last = step;
      const em = database.em.fork() as SqlEntityManager;
      await em.find(Harbour, {});
      await perform(em, kind, step, await readRows(em));
      await expectExact(em, aspects);
    }
    last = 'verify and recount after all steps';
    const stores = [...new Set(registryOf(database.em as SqlEntityManager)!.groups.map(({ target }) => target.class))];
    for (const target of stores as EntityClass<object>[]) {
      const chunks = await Array.fromAsync(verify(database.em.fork() as SqlEntityManager, target));
      expect(chunks.flatMap(({ drifts }) => drifts)).toEqual([]);
    }
    for (const [index, aspect] of aspects.entries()) {
      const column = columnOf(aspect, index);
      await database.em
        .getConnection()
        .execute(`update ${column.startsWith('d') ? 'dock' : 'harbour'} set ${column} = ${column} + 7`, [], 'run');
    }
    await recountAll(database.em.fork());
    await expectExact(database.em.fork(), aspects);
  } catch (error) {
    throw new Error(`${(error as Error).message}\nafter ${fc.stringify(last)}\nwith ${fc.stringify(aspects)}`, {
      cause: error,
    });
  } finally {
    await drop();
  }
}

async function perform(
  em: SqlEntityManager,
  kind: EngineDatabaseKind,
  step: Step,
  rows: readonly Found[],
): Promise<void> {
  const type = types[step.type]!;
  const [part] = step.parts as [Part, ...Part[]];
  const seesTypes = strategy === 'hooks' || kind === 'sqlite' || kind === 'postgresql';
  const isKnown = registryOf(em)!.countedBy(em.getMetadata(type) as never, 'table').length > 0;
  switch (step.what) {
    case 'insertMany':
      await insertMany(em, Craft, [dataOf({ ...part, names: columns }, Craft)] as never);
      return;
    case 'updateWhere': {
      const data = Object.fromEntries(
        Object.entries(dataOf(part, type)).filter(([name]) => ownerOf[name as Column] === type),
      );
      if (isKnown && seesTypes && Object.keys(data).length > 0)
        await updateWhere(em, type, { mass: { $gt: step.bound } }, data as never);
      return;
    }
    case 'deleteWhere':
      if (isKnown && seesTypes) await deleteWhere(em, type, { mass: { $gt: step.bound } });
      return;
    default: {
      const work = em.transactional(async inner => {
        const gone = new Set<number>();
        for (const one of step.parts) await prepare(inner, one, rows, gone);
        if (step.what !== 'rollback') return;
        await inner.flush();
        throw new Error('undone');
      });
      await work.catch((error: Error) => {
        if (error.message !== 'undone') throw error;
      });
    }
  }
}

async function prepare(em: SqlEntityManager, part: Part, rows: readonly Found[], gone: Set<number>): Promise<void> {
  const row = rows[part.row % Math.max(rows.length, 1)];
  if (part.what === 'create' || !row) {
    const type = made[part.type]!;
    em.create(type as typeof Ferry, dataOf({ ...part, names: columns }, type) as never);
    return;
  }
  if (gone.has(row.id)) return;
  const real = row.types.at(-1)!;
  // A row may be known by a type that its own extends, and then has what that one has.
  const known = part.what.endsWith('by reference') ? row.types[part.type % row.types.length]! : real;
  const isReferred = part.what.endsWith('by reference') && !em.getUnitOfWork().getById(Craft, row.id);
  const entity = isReferred ? em.getReference(known, row.id) : await em.findOne(Craft, row.id);
  if (!entity) return;
  if (part.what.startsWith('remove')) {
    gone.add(row.id);
    em.remove(entity);
  } else em.assign(entity, dataOf(part, entity.constructor as Type) as never);
}

/** Returns the values of a part for a type. */
function dataOf({ names, values: all }: Pick<Part, 'names' | 'values'>, type: typeof Kite | Type): object {
  const above = type === Kite ? [Craft] : types.slice(0, types.indexOf(type) + 1);
  const given = {
    ...all,
    // The keys of a harbour and of two docks.
    home: [1, 2, 3, null][all.home],
    berth: [2, 3, 2, null][all.berth],
  };
  return Object.fromEntries(
    Object.entries(given).filter(([name]) => above.includes(ownerOf[name as Column]) && names.includes(name as Column)),
  );
}

async function readRows(em: SqlEntityManager): Promise<Found[]> {
  const found = await em.execute<Record<string, number | null>[]>(
    'select c.id, c.home_id as home, c.mass, s.berth_id as berth, s.crew, f.seats, s.id as ship_id, f.id as ferry_id ' +
      'from craft c left join ship s on s.id = c.id left join ferry f on f.id = c.id order by c.id',
  );
  return found.map(row => ({
    id: row['id']!,
    types: [Craft, ...(row['ship_id'] === null ? [] : [Ship]), ...(row['ferry_id'] === null ? [] : [Ferry])],
    values: row as Found['values'],
  }));
}

/** Asserts that all stored counts are those of the rows, which are added up here, and that loaded targets show them. */
async function expectExact(em: SqlEntityManager, aspects: readonly Aspect[]): Promise<void> {
  const rows = await readRows(em);
  const stored = await em.execute<Record<string, number | null>[]>(
    'select h.*, d.d0, d.d1, d.d2, d.d3, d.id as dock_id from harbour h left join dock d on d.id = h.id order by h.id',
  );
  for (const [index, aspect] of aspects.entries()) {
    const column = columnOf(aspect, index);
    for (const target of stored) {
      if (column.startsWith('d') && target['dock_id'] === null) continue;
      const mine = rows.filter(
        ({ types: its, values: of }) =>
          its.includes(typeOf(aspect)) &&
          of[aspect.by] === target['id'] &&
          (aspect.where === null || (of[aspect.where] ?? 0) > 0),
      );
      const wanted = mine.reduce((sum, row) => sum + (aspect.sum === null ? 1 : (row.values[aspect.sum] ?? 0)), 0);
      expect(`${column} of ${target['id']} = ${target[column]}`).toBe(`${column} of ${target['id']} = ${wanted}`);
      const loaded = em.getUnitOfWork().getById<Harbour>(Harbour, target['id'] as never);
      if (loaded) expect(Number((loaded as unknown as Record<string, number>)[column])).toBe(wanted);
    }
  }
}
