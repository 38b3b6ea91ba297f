import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import type { Model } from './models.js';
import type { Place } from './place.js';

/** Writes in one way; what is thrown or rejected is a refusal. */
export type Write<Seed> = (seed: Seed, place: Place) => unknown;

/** One variant of a way, on the rows of a model. */
export interface Variant {
  readonly model: Model<unknown>;
  readonly write: Write<unknown>;
}

/** The program of one row of the table, in every variant that a caller may write. */
export interface Program {
  /** The exact text of the row's first cell. */
  readonly way: string;
  /** The databases that have this way; by default all of them. */
  readonly on?: readonly DatabaseKind[];
  readonly variants: Readonly<Record<string, Variant>>;
}

/** Returns a program whose variants all work on one model. */
export function program<Seed>(
  way: string,
  model: Model<Seed>,
  writes: Readonly<Record<string, Write<Seed>>>,
  on?: readonly DatabaseKind[],
): Program {
  const variants = Object.entries(writes).map(([name, write]) => [name, { model, write } as Variant]);
  return { way, ...(on && { on }), variants: Object.fromEntries(variants) as Program['variants'] };
}

/** MySQL and its relative. */
export const mySqls: readonly DatabaseKind[] = ['mysql', 'mariadb'];
/** The databases that are servers. */
export const servers: readonly DatabaseKind[] = [...mySqls, 'postgresql'];
/** The database with the most statements that write. */
export const postgreSql: readonly DatabaseKind[] = ['postgresql'];

/** Combines several programs of the same way. */
export function together(...programs: readonly [Program, ...Program[]]): Program {
  return {
    ...programs[0],
    variants: Object.assign({}, ...programs.map(({ variants }) => variants)) as Program['variants'],
  };
}
