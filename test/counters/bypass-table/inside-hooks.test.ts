import { afterEach, describe, expect, it } from 'vitest';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from 'mikro-orm-counters';
import { expectExactBells, functionsOfBells, hooksOfBells, ringAll, rung } from '../models/bells.js';
import { builders } from './builders.js';
import { direct } from './direct.js';
import { judged } from './judge.js';
import { kyselies } from './kyselies.js';
import { placeInside, usePlace } from './place.js';
import { programs } from './programs.js';
import { cellOf, rowsOfTheTable } from './table.js';

const refusals = ['refused: COUNTER_BYPASS', 'refused: COUNTER_ASSIGNED'];

// On SQLite only: the guards refuse a write before they know which database it is for.
describe.each(['hooks', 'triggers'] as const)('the table of bypasses inside hooks, with %s', strategy => {
  const place = usePlace('sqlite', strategy);
  const rows = rowsOfTheTable();
  const cell = (way: string): string =>
    cellOf(
      rows.find(one => one.way === way)!,
      strategy,
      'sqlite',
    );
  afterEach(() => {
    rung.clear();
  });

  /** Writes in each of some hooks, and returns what comes of it by their names. */
  async function outcomesIn(hooks: readonly string[], work: (em: SqlEntityManager) => unknown): Promise<object> {
    const outcomes: Record<string, unknown> = {};
    const done = hooks.map(
      hook =>
        new Promise<void>(resolve => {
          rung.set(hook, async em => {
            outcomes[hook] = await Promise.resolve()
              .then(() => work(em))
              .then(
                () => 'exact',
                (error: unknown) => (error instanceof CounterError ? `refused: ${error.code}` : error),
              );
            resolve();
          });
        }),
    );
    await ringAll(place.em());
    await Promise.all(done);
    return outcomes;
  }

  for (const program of programs.filter(({ on, way }) => !on && refusals.includes(cell(way)))) {
    const { way, variants } = program;
    // A function of a property does not keep the flush waiting, so that it cannot read while the flush writes.
    const isDirect = [...direct, ...builders, ...kyselies].includes(program) && !way.includes('em.clone()');
    const hooks = [...hooksOfBells, ...(isDirect ? functionsOfBells : [])];
    // A transaction of Kysely opens no other and gives no connection.
    const possible = Object.entries(variants).filter(([name]) => !/of Kysely|one connection/.test(name));
    it.each(possible)(`with ${strategy}, ${way} is refused in every hook: %s`, async (_name, variant) => {
      let outcomes = {};
      const write = async (seed: unknown): Promise<void> => {
        const inside = (em: SqlEntityManager): unknown => variant.write(seed, placeInside(place, em));
        // After a flush that failed, the transaction around it could only be rolled back.
        outcomes = await outcomesIn(hooks, em =>
          isDirect || !em.isInTransaction() ? inside(em) : em.transactional(own => inside(own)),
        );
      };
      const { changed, drift, refusal } = await judged({ ...variant, write }, place);
      expect(outcomes, refusal?.stack).toEqual(Object.fromEntries(hooks.map(hook => [hook, cell(way)])));
      expect({ changed, drift }).toEqual({ changed: false, drift: false });
      await expectExactBells(place.schema);
    });
  }

  // Without the driver, which would use another connection, for which SQLite waits until the flush has ended.
  const exact = [...direct, ...builders].filter(
    ({ on, way }) => !on && cell(way) === 'exact' && !/schema|Driver/.test(way),
  );
  for (const { way, variants } of exact) {
    const possible = Object.entries(variants).filter(([name]) => name !== 'driver');
    it.each(possible)(`with ${strategy}, ${way} is exact in a hook: %s`, async (_name, variant) => {
      const hook = 'beforeUpdate of the entity';
      let outcomes = {};
      const write = async (seed: unknown): Promise<void> => {
        outcomes = await outcomesIn([hook], em => variant.write(seed, placeInside(place, em)));
      };
      const { changed, drift, refusal } = await judged({ ...variant, write }, place);
      expect(outcomes, refusal?.stack).toEqual({ [hook]: 'exact' });
      expect({ changed, drift }).toEqual({ changed: true, drift: false });
      await expectExactBells(place.schema);
    });
  }
});
