import type { SqlEntityManager } from '@mikro-orm/sql';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { recountAll, verify } from 'mikro-orm-counters';
import { describeOnEngineDatabases, type EngineDatabaseKind } from '../support/databases.js';
import { freshSchema } from '../support/schema.js';
import { anyDraw, columnOf, depthOf, entitiesOf, referenceTo, seaOf, tablesOf, type Draw } from './declarations/sea.js';
import { noteDraw, Progress } from './declarations/progress.js';
import { anyStep, type Step } from './declarations/steps.js';
import { mistakesIn, readContents, type Contents } from './declarations/totals.js';
import { perform } from './declarations/writer.js';
import { checkRounds, readRunOptions } from './model-check.js';

const options = readRunOptions(25);
const subject = 'random declarations';
/**
 * The most steps that are done with the same declarations. Many operations have longer rounds, because to make the tables
 * and the entities of a round costs as much as some dozens of steps.
 */
const STEPS_PER_DRAW = options.requested ? 100 : 10;
/** The fewest steps with the same declarations, also in a counterexample. */
const MIN_STEPS = 5;
/** How long a counterexample is made smaller, in milliseconds. */
const SHRINKING_MS = options.requested ? 180_000 : 30_000;

describeOnEngineDatabases(subject, kind => {
  it(
    'random counts and sums, with random conditions, at one to three levels, equal the rows after each of random writes',
    { timeout: options.timeout },
    async () => {
      const done = await checkRounds(`${subject} on ${kind}`, options, STEPS_PER_DRAW, async (seed, most, tally) => {
        const progress = new Progress(tally);
        const steps = fc.array(anyStep, { minLength: Math.min(most, MIN_STEPS), maxLength: most, size: 'max' });
        const property = fc.asyncProperty(anyDraw, steps, (draw, some) => check(kind, draw, some, progress));
        const run = { seed, numRuns: 1 };
        const found = await fc.check(property, { ...run, endOnFailure: true });
        if (!found.failed) return progress.operations;
        // The smallest counterexample until the time is over.
        const smaller = await fc.check(property, { ...run, plugins: [fc.interruptAfterTimeLimit(SHRINKING_MS)] });
        throw smaller.errorInstance ?? found.errorInstance;
      });
      expect(done).toBeGreaterThanOrEqual(options.operations);
    },
  );
});

async function check(kind: EngineDatabaseKind, draw: Draw, steps: readonly Step[], progress: Progress): Promise<void> {
  noteDraw(progress, draw);
  const sea = seaOf(draw);
  const { database, drop } = await freshSchema(kind, { entities: entitiesOf(sea), counters: sea.counters });
  const em = () => database.em.fork();
  let last: unknown = 'the declarations';
  const expectExact = async (used: SqlEntityManager = em()): Promise<Contents> => {
    const contents = await readContents(used, kind, sea);
    progress.note('comparisons', 'of all stored counts with the rows, and with what is loaded');
    const mistakes = mistakesIn(used, sea, contents);
    if (mistakes.length > 0) throw new Error(mistakes.join('; '));
    return contents;
  };
  try {
    const start = em();
    // The number of one is the primary key of another.
    const oceans = [1, 2].map(id => start.create(sea.Ocean, { id, number: 3 - id } as never));
    const coasts = [0, 0, 1].map((index, place) =>
      start.create(sea.Coast, { number: 3 - place, ocean: referenceTo(sea, 'ocean', oceans[index]) }),
    );
    for (const [place, index] of [0, 0, 1, 2].entries())
      start.create(sea.Shore, { number: 4 - place, coast: referenceTo(sea, 'coast', coasts[index]) });
    // The keys that conditions name.
    for (const id of [1, 2]) start.create(sea.Keeper, { id } as never);
    await start.flush();
    progress.watch(database.em);
    let contents = await expectExact();
    for (const step of steps) {
      last = step;
      contents = await perform(em(), { kind, sea, progress, check: expectExact }, step, contents);
    }
    last = 'verify and recount after all steps';
    await expectNoDrift();
    for (const [index, aspect] of draw.aspects.entries())
      await database.em
        .getConnection()
        .execute(`update ${tablesOf(aspect)[0]!} set ${columnOf(index)} = ${columnOf(index)} + 7`, [], 'run');
    await recountAll(em());
    await expectExact();
  } catch (error) {
    throw new Error(
      `${(error as Error).message}\nafter ${fc.stringify(last)}\nwith ${fc.stringify(draw.aspects.map(aspect => ({ ...aspect, depth: depthOf(aspect) })))}, shores at ${draw.shoreLevels} levels${draw.onlyWild ? ', wild ones only' : ''}, by number: ${draw.numbered.join(', ')}`,
      { cause: error },
    );
  } finally {
    await drop();
  }

  async function expectNoDrift(): Promise<void> {
    for (const target of new Set(sea.counters.map(({ by, target: named }) => named ?? targetOf(by)))) {
      const chunks = await Array.fromAsync(verify(em(), target));
      expect(chunks.flatMap(({ drifts }) => drifts)).toEqual([]);
    }
  }

  function targetOf(by: string) {
    const last = by.split('.').at(-1) as 'keeper' | 'shore' | 'coast' | 'ocean';
    return { keeper: sea.Keeper, shore: sea.Shore, coast: sea.Coast, ocean: sea.Ocean }[last];
  }
}
