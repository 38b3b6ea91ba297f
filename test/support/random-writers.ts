import type { IsolationLevel } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Schema } from './schema.js';

/** A function that gives whole numbers from 0 to below a limit. */
export type Below = (limit: number) => number;

/** A random change of the rows with some ids, in an open transaction. */
export type RandomChange<Ids> = (em: SqlEntityManager, ids: Ids, below: Below) => Promise<unknown>;

/** How many writers there are, what each does, and what it repeats. */
export interface RandomWriters {
  readonly writers: number;
  readonly changesOfEach: number;
  readonly isolationLevel: IsolationLevel;
  /** The codes of errors after which a writer goes on with another change. */
  readonly repeatable: readonly string[];
}

/** Returns a random element of a list. */
export function pick(ids: readonly number[], below: Below): number {
  return ids[below(ids.length)]!;
}

/** Does random changes on several connections at once; returns the codes of the errors that were repeated. */
export async function writeAtOnce<Ids>(
  schema: Schema,
  ids: Ids,
  changes: readonly RandomChange<Ids>[],
  { writers, changesOfEach, isolationLevel, repeatable }: RandomWriters,
): Promise<string[]> {
  const repeated: string[] = [];
  const write = async (seed: number): Promise<void> => {
    const below = numbersFrom(seed);
    for (let done = 0; done < changesOfEach;) {
      const change = changes[below(changes.length)]!;
      try {
        await schema.em().transactional(em => change(em, ids, below), { isolationLevel });
        done += 1;
      } catch (error) {
        const { code = '' } = error as { code?: string };
        if (!repeatable.includes(code)) throw error;
        repeated.push(code);
      }
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer + 1)));
  return repeated;
}

/** Returns a function that gives the same numbers for the same seed. */
function numbersFrom(seed: number): Below {
  let state = seed;
  return limit => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
