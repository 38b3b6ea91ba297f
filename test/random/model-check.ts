import fc from 'fast-check';
import { strategy } from '../support/databases.js';

/** The options of a check. */
export interface RunOptions {
  /** How many operations to run at least. */
  readonly operations: number;
  /** The seed of fast-check's first batch of runs. */
  readonly seed: number;
  /** The time limit of the test, in milliseconds. */
  readonly timeout: number;
  /** Whether somebody asked for this many operations, and wants a report of them. */
  readonly requested: boolean;
}

/** How often each operation and each answer occurred, by name. */
export type Tally = Map<string, number>;

/** A system and its model, for lists of random commands. */
export interface ModelRunner<Commands> {
  /** The lists of commands. */
  readonly commands: fc.Arbitrary<Commands>;
  /**
   * Runs commands on clean tables and returns the number of their operations. Errors: where system and model differ.
   */
  readonly run: (commands: Commands, tally: Tally) => Promise<number>;
  /** Returns the log of the last run. */
  readonly lastLog: () => readonly string[];
}

/**
 * The number of runs between two seeds. It does not depend on the operations that are left to do, so that a seed alone
 * repeats the same runs.
 */
const RUNS_PER_SEED = 100;

/**
 * Reads RANDOM_OPERATIONS and RANDOM_SEED; without them, a few operations from a new seed. Errors: a text that names
 * the variable.
 */
export function readRunOptions(defaultOperations: number): RunOptions {
  const requested = process.env['RANDOM_OPERATIONS'] !== undefined;
  const operations = wholeNumber('RANDOM_OPERATIONS', defaultOperations, 1);
  // A requested number of operations takes as long as it takes.
  return {
    operations,
    seed: wholeNumber('RANDOM_SEED', Date.now() % 2 ** 31, 0),
    timeout: requested ? 2 ** 31 - 1 : 120_000,
    requested,
  };
}

/**
 * Runs random commands until they have had the requested number of operations; returns that number. Errors: the
 * smallest counterexample found.
 */
export async function checkModel<Commands>(
  name: string,
  runner: ModelRunner<Commands>,
  { operations, seed, requested }: RunOptions,
): Promise<number> {
  const [started, tally]: [number, Tally] = [Date.now(), new Map()];
  let done = 0;
  let counterexample: { log: readonly string[]; problem: unknown } | null = null;
  const report = (): void => {
    const counts = [...tally].toSorted(([, a], [, b]) => b - a).map(([what, count]) => `${what} ${count}`);
    console.log(
      `${name}: ${done} operations from RANDOM_SEED=${seed} in ${Math.round((Date.now() - started) / 1000)} s, no counterexample\n  ${counts.join(', ')}`,
    );
  };
  const property = fc.asyncProperty(runner.commands, async commands => {
    if (done >= operations) return;
    try {
      done += await runner.run(commands, tally);
    } catch (problem) {
      // While fast-check shrinks a counterexample, the last run that fails is the smallest.
      counterexample = { log: [...runner.lastLog()], problem };
      throw problem;
    }
  });
  for (let batch = 0; done < operations; batch += 1) {
    const {
      failed,
      seed: last,
      numShrinks,
    } = await fc.check(property, { seed: (seed + batch) % 2 ** 31, numRuns: RUNS_PER_SEED });
    if (failed) throw failure(name, { ...counterexample!, operations, seed: last, numShrinks });
    if (requested && batch % 50 === 49) report();
  }
  if (requested) report();
  return done;
}

/**
 * Does rounds of random steps, each from a seed of its own, until they have done the requested number of operations;
 * returns that number. A round gets the number of its steps, and returns that of its operations; what it tallies by
 * `kind: name` is reported at the end. Errors: where a round differs from what it expects, with the way to repeat it.
 */
export async function checkRounds(
  name: string,
  { operations, seed, requested }: RunOptions,
  stepsPerRound: number,
  round: (seed: number, steps: number, tally: Tally) => Promise<number>,
): Promise<number> {
  const [started, processor, tally]: [number, NodeJS.CpuUsage, Tally] = [Date.now(), process.cpuUsage(), new Map()];
  let done = 0;
  const report = (rounds: number): void => {
    const { user, system } = process.cpuUsage(processor);
    const seconds = `${Math.round((Date.now() - started) / 1000)} s (${Math.round((user + system) / 1e6)} s of the processor)`;
    console.log(
      [
        `${name}: ${done} operations in ${rounds} rounds from RANDOM_SEED=${seed} in ${seconds}, no counterexample`,
        ...linesOf(tally),
      ].join('\n'),
    );
  };
  let index = 0;
  for (; done < operations; index += 1) {
    const own = (seed + index) % 2 ** 31;
    const steps = Math.min(stepsPerRound, operations);
    try {
      done += await round(own, steps, tally);
    } catch (error) {
      throw new Error(
        [
          `${name}, after ${done} operations: ${(error as Error).message}`,
          `To run it again: ${command(name, own, steps)}`,
        ].join('\n'),
        { cause: error },
      );
    }
    if (requested && index % 200 === 199) report(index + 1);
  }
  if (requested) report(index);
  return done;
}

/** Returns a tally as one line for each kind. */
function linesOf(tally: Tally): string[] {
  const kinds = Map.groupBy(tally, ([key]) => key.slice(0, key.indexOf(': ')));
  return [...kinds].map(
    ([kind, counts]) =>
      `  ${kind}: ${counts
        .toSorted(([, a], [, b]) => b - a)
        .map(([key, count]) => `${key.slice(kind.length + 2)} ${count}`)
        .join(', ')}`,
  );
}

function wholeNumber(variable: string, fallback: number, least: number): number {
  const text = process.env[variable];
  if (text === undefined) return fallback;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number < 2 ** 31) return number;
  throw new Error(`${variable} must be a whole number from ${least} to ${2 ** 31 - 1}, but is "${text}".`);
}

interface Failure {
  readonly log: readonly string[];
  readonly problem: unknown;
  readonly operations: number;
  readonly seed: number;
  readonly numShrinks: number;
}

function failure(name: string, { log, problem, operations, seed, numShrinks }: Failure): Error {
  // The log comes last, because reports are cut at their end.
  const lines = [
    `${name}: counterexample (shrunk ${numShrinks} times): ${problem instanceof Error ? problem.message : String(problem)}`,
    `To run it again: ${command(name, seed, operations)}`,
    'What was done before:',
    ...log.map(sentence => `  ${sentence}`),
  ];
  return new Error(lines.join('\n'), { cause: problem });
}

function command(name: string, seed: number, operations: number): string {
  const project = strategy === 'hooks' ? 'behaviours' : `behaviours with ${strategy}`;
  return `RANDOM_SEED=${seed} RANDOM_OPERATIONS=${operations} npx vitest run --project '${project}' test/random -t '${name}'`;
}
