import type { SqlEntityManager } from '@mikro-orm/sql';
import { afterEach, expect, it } from 'vitest';
import { deleteWhere, insertMany, recount, updateWhere } from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema, type Schema } from '../../support/schema.js';
import { Bell, bells, expectExactBells, hooksOfBells, rung, Tower } from '../models/bells.js';

/** The ids of three towers, and of a bell in the first that the flush moves to the second. */
interface Seed {
  readonly first: number;
  readonly second: number;
  readonly third: number;
  readonly bell: number;
}

async function seed(schema: Schema): Promise<Seed> {
  const em = schema.em();
  const [first, second, third] = [em.create(Tower, {}), em.create(Tower, {}), em.create(Tower, {})];
  const bell = em.create(Bell, { tower: first });
  // Enough others that a count that is too low is no underflow yet.
  for (const tower of [first, first, second, second]) em.create(Bell, { tower });
  await em.flush();
  return { first: first.id, second: second.id, third: third.id, bell: bell.id };
}

type Write = (em: SqlEntityManager, seed: Seed) => Promise<unknown>;

/** What a hook does with the row that the flush has counted and not written yet. */
const early: Record<string, Write> = {
  'a flush that removes the row': (em, { bell }) =>
    em.transactional(own => void own.remove(own.getReference(Bell, bell))),
  'a flush that moves the row': (em, { bell, third }) =>
    em.transactional(async own => void own.assign(await own.findOneOrFail(Bell, bell), { tower: third })),
  'deleteWhere() of the row': (em, { bell }) => deleteWhere(em, Bell, { id: bell }),
  'updateWhere() of the row': (em, { bell, third }) => updateWhere(em, Bell, { id: bell }, { tower: third }),
  'recount() of the old target': (em, { first }) => recount(em, Tower, [first]),
  'recount() of the new target': (em, { second }) => recount(em, Tower, [second]),
};

/** What a hook does with other rows. */
const apart: Record<string, Write> = {
  'insertMany() into the target': (em, { second }) => insertMany(em, Bell, [{ tower: second, made: 1 }]),
  'deleteWhere() of other rows': (em, { bell, first }) => deleteWhere(em, Bell, { id: { $ne: bell }, tower: first }),
  'a flush that adds a row': (em, { second }) => em.transactional(own => void own.create(Bell, { tower: second })),
};

const hooks = hooksOfBells.filter(hook => /Update|afterFlush|beforeTransactionCommit/.test(hook));

describeOnEngineDatabases('what a hook writes of the rows that its flush counts', kind => {
  const schema = useSchema(kind, bells, 'hooks');
  afterEach(() => {
    rung.clear();
  });

  it.each(Object.keys({ ...early, ...apart }).flatMap(name => hooks.map(hook => ({ name, hook }))))(
    '$name in $hook leaves the counts exact, and is refused where the row is not written yet',
    async ({ name, hook }) => {
      const ids = await seed(schema);
      const em = schema.em();
      em.assign(await em.findOneOrFail(Bell, ids.bell), { tower: ids.second });
      let outcome: unknown = 'not called';
      rung.set(hook, async own => {
        outcome = await own
          .transactional(one => (early[name] ?? apart[name]!)(one, ids))
          .then(
            () => 'written',
            (error: unknown) => (error as { code?: string }).code ?? error,
          );
      });
      await em.flush();
      expect(outcome).toBe(name in early && hook.includes('beforeUpdate') ? 'COUNTER_LATE_CHANGE' : 'written');
      await expectExactBells(schema);
    },
  );
});
