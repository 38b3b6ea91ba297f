import fc from 'fast-check';
import { strategy } from '../support/databases.js';

/** Says how many operations to do, where to start, and how long they may take, in ms. */
export interface Telling {
  readonly operations: number;
  readonly seed: number;
  readonly timeout: number;
  /** Tells whether somebody asked for this many, and wants to know what was done. */
  readonly asked: boolean;
}

/** Counts what was done and what was refused, by name. */
export type Tally = Map<string, number>;

/** Is where stories are told, one after the other. */
export interface Stage<Story> {
  readonly stories: fc.Arbitrary<Story>;
  /** Tells one story on clean tables and counts its operations; errors: where it goes wrong. */
  tell(story: Story, tally: Tally): Promise<number>;
  /** Gives the sentences of the story that was told last. */
  lastStory(): readonly string[];
}

/**
 * Bounds the stories between two seeds. It does not depend on what is left to do, so that a seed alone tells the same
 * again.
 */
const BATCH = 100;

/**
 * Reads RANDOM_OPERATIONS and RANDOM_SEED; without them, a few operations from a new seed. Errors: a text that names
 * the variable.
 */
export function telling(defaultOperations: number): Telling {
  const asked = process.env['RANDOM_OPERATIONS'] !== undefined;
  const operations = wholeNumber('RANDOM_OPERATIONS', defaultOperations, 1);
  // A run that was asked for takes as long as it takes.
  return {
    operations,
    seed: wholeNumber('RANDOM_SEED', Date.now() % 2 ** 31, 0),
    timeout: asked ? 2 ** 31 - 1 : 120_000,
    asked,
  };
}

/**
 * Tells stories until they have had as many operations as were asked for; gives that number. Errors: the shortest story
 * found that goes wrong.
 */
export async function tellStories<Story>(
  name: string,
  stage: Stage<Story>,
  { operations, seed, asked }: Telling,
): Promise<number> {
  const [started, tally]: [number, Tally] = [Date.now(), new Map()];
  let told = 0;
  let wrong: { story: readonly string[]; problem: unknown } | null = null;
  const report = (): void => {
    const counts = [...tally].sort(([, a], [, b]) => b - a).map(([what, count]) => `${what} ${count}`);
    console.log(
      `${name}: ${told} operations from RANDOM_SEED=${seed} in ${Math.round((Date.now() - started) / 1000)} s, none went wrong\n  ${counts.join(', ')}`,
    );
  };
  const property = fc.asyncProperty(stage.stories, async story => {
    if (told >= operations) return;
    try {
      told += await stage.tell(story, tally);
    } catch (problem) {
      // While the story is being shortened, the last that goes wrong is the shortest.
      wrong = { story: [...stage.lastStory()], problem };
      throw problem;
    }
  });
  for (let batch = 0; told < operations; batch += 1) {
    const {
      failed,
      seed: last,
      numShrinks,
    } = await fc.check(property, { seed: (seed + batch) % 2 ** 31, numRuns: BATCH });
    if (failed) throw failure(name, { ...wrong!, operations, seed: last, numShrinks });
    if (asked && batch % 50 === 49) report();
  }
  if (asked) report();
  return told;
}

function wholeNumber(variable: string, fallback: number, least: number): number {
  const text = process.env[variable];
  if (text === undefined) return fallback;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number < 2 ** 31) return number;
  throw new Error(`${variable} must be a whole number from ${least} to ${2 ** 31 - 1}, but is "${text}".`);
}

interface Failure {
  readonly story: readonly string[];
  readonly problem: unknown;
  readonly operations: number;
  readonly seed: number;
  readonly numShrinks: number;
}

function failure(name: string, { story, problem, operations, seed, numShrinks }: Failure): Error {
  const project = strategy === 'hooks' ? 'behaviours' : `behaviours with ${strategy}`;
  const lines = [
    `${name}: a story goes wrong (shortened ${numShrinks} times):`,
    ...story.map(sentence => `  ${sentence}`),
    `Then ${problem instanceof Error ? problem.message : String(problem)}`,
    `To tell it again: RANDOM_SEED=${seed} RANDOM_OPERATIONS=${operations} npx vitest run --project '${project}' test/random -t '${name}'`,
  ];
  return new Error(lines.join('\n'), { cause: problem });
}
