import { defineEntity, p, type EntityClass } from '@mikro-orm/core';
import fc from 'fast-check';
import type { Counter } from 'mikro-orm-counters';
import { strategy } from '../../support/databases.js';
import { anyCondition, type AnyCondition } from '../conditions/arbitraries.js';
import { features, Place } from '../conditions/shells.js';

/** What may be summed of shells, and the scale in which it is compared. */
export const summed = { whole: 0, place_floor: 0, worth: 0, price: 2 } as const;
type Summed = keyof typeof summed;

/**
 * The relations that lead from a shell to a target: to a keeper, or to a shore, its coast and the ocean of that, or to a
 * finder, who is a keeper or an ocean.
 */
export const ways = {
  keeper: ['keeper'],
  shore: ['shore', 'shore.coast', 'shore.coast.ocean'],
  finder: ['finder'],
} as const;

/** What is counted of shells, or summed, at one or several levels. */
export interface Aspect {
  readonly by: keyof typeof ways;
  /** The finder's entity that stores it. */
  readonly finder: 'keeper' | 'ocean';
  readonly levels: number;
  readonly sum: Summed | null;
  readonly condition: AnyCondition | null;
  /** The level from which on it is stored in a column that is wider than it needs to be. */
  readonly wideFrom: number;
}

/** Random declarations: the aspects of shells, and how many levels count the shores, which are counted rows too. */
export interface Draw {
  readonly aspects: readonly Aspect[];
  readonly shoreLevels: number;
  readonly onlyWild: boolean;
  /** The targets to which rows refer by their numbers, and not by their primary keys. */
  readonly numbered: readonly Numbered[];
  /** The most shells that stay after a step. */
  readonly mostShells: number;
}

/** The targets that may be referred to by their numbers. */
export type Numbered = 'shore' | 'coast' | 'ocean';

/** Any declarations. */
export const anyDraw: fc.Arbitrary<Draw> = fc.record({
  aspects: fc.array(
    fc.record({
      // Triggers do not count by a relation to several entities.
      by: fc.constantFrom('shore', 'shore', 'shore', 'keeper', strategy === 'hooks' ? 'finder' : 'keeper'),
      finder: fc.constantFrom('keeper', 'ocean'),
      levels: fc.integer({ min: 1, max: 3 }),
      sum: fc.option(fc.constantFrom(...(Object.keys(summed) as Summed[])), { freq: 2 }),
      condition: fc.option(anyCondition, { freq: 3 }),
      wideFrom: fc.integer({ min: 1, max: 4 }),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  shoreLevels: fc.nat({ max: 2 }),
  onlyWild: fc.boolean(),
  numbered: fc.subarray<Numbered>(['shore', 'coast', 'ocean']),
  mostShells: fc.oneof({ weight: 9, arbitrary: fc.constant(200) }, { weight: 1, arbitrary: fc.constant(1200) }),
});

/** A row of any entity of the sea. */
export type SeaRow = { id: number } & Record<string, unknown>;
type SeaClass = EntityClass<SeaRow>;

/** The entities of a draw, and its counters. */
export interface Sea {
  readonly draw: Draw;
  readonly Ocean: SeaClass;
  readonly Coast: SeaClass;
  readonly Shore: SeaClass;
  readonly Keeper: SeaClass;
  readonly Shell: SeaClass;
  readonly counters: readonly Counter[];
}

const id = () => p.integer().primary();
const number = () => p.integer().unsigned().unique();
const relation = (target: SeaClass) => () =>
  p.manyToOne(target).nullable().deleteRule('restrict').updateRule('restrict');

/** Makes the entities of a draw: each target has a column for each aspect that reaches it. */
export function seaOf(draw: Draw): Sea {
  const columns = (table: Table) =>
    Object.fromEntries(
      draw.aspects.flatMap((aspect, index) => {
        const level = tablesOf(aspect).indexOf(table) + 1;
        return level > 0 ? [[columnOf(index), storedColumn(aspect, level)] as const] : [];
      }),
    );
  const relationTo = (target: SeaClass, name: Numbered) =>
    draw.numbered.includes(name)
      ? () => relation(target)().targetKey('number').mapToPk().joinColumn(`${name}_id`)
      : relation(target);
  const shores = (level: number) => (level <= draw.shoreLevels ? { shores: p.integer().unsigned().default(0) } : {});
  const Ocean = entity('Ocean', { id: id(), number: number(), ...columns('ocean'), ...shores(2) });
  const Coast = entity('Coast', {
    id: id(),
    number: number(),
    ocean: relationTo(Ocean, 'ocean'),
    ...columns('coast'),
    ...shores(1),
  });
  const Shore = entity('Shore', {
    id: id(),
    number: number(),
    coast: relationTo(Coast, 'coast'),
    wild: p.boolean().default(false),
    ...columns('shore'),
  });
  const Keeper = entity('Keeper', { id: id(), ...columns('keeper') });
  const Shell = entity('Shell', {
    id: id(),
    shore: relationTo(Shore, 'shore'),
    keeper: relation(Keeper),
    finder: () => p.manyToOne([Keeper, Ocean]).nullable(),
    worth: p.bigint().nullable(),
    ...features,
  });
  const ofShells = draw.aspects.flatMap((aspect, index) =>
    ways[aspect.by].slice(0, depthOf(aspect)).map((by): Counter => ({
      counted: Shell,
      by,
      ...(aspect.by === 'finder' && { target: { keeper: Keeper, ocean: Ocean }[aspect.finder] }),
      into: columnOf(index),
      ...(aspect.sum !== null && { sum: aspect.sum }),
      where: aspect.condition?.where ?? {},
    })),
  );
  const ofShores = ['coast', 'coast.ocean']
    .slice(0, draw.shoreLevels)
    .map((by): Counter => ({ counted: Shore, by, into: 'shores', where: draw.onlyWild ? { wild: true } : {} }));
  return { draw, Ocean, Coast, Shore, Keeper, Shell, counters: [...ofShells, ...ofShores] };
}

/** Returns all entities of a sea. */
export function entitiesOf({ Ocean, Coast, Shore, Keeper, Shell }: Sea): EntityClass<object>[] {
  return [Ocean, Coast, Shore, Keeper, Place, Shell];
}

/** Returns what a row refers to a target by: the target, or its number. */
export function referenceTo(sea: Sea, name: Numbered, target: SeaRow): unknown {
  return sea.draw.numbered.includes(name) ? target['number'] : target;
}

/** Returns the column of a target by which rows refer to it. */
export function referredColumn(sea: Sea, table: string): 'id' | 'number' {
  return (sea.draw.numbered as readonly string[]).includes(table) ? 'number' : 'id';
}

/** Returns the number of levels that count an aspect. */
export function depthOf({ by, levels }: Aspect): number {
  return Math.min(levels, ways[by].length);
}

/** The tables of the targets. */
type Table = 'keeper' | 'shore' | 'coast' | 'ocean';

/** Returns the tables that store an aspect, level by level. */
export function tablesOf(aspect: Aspect): readonly Table[] {
  const all = { keeper: ['keeper'], shore: ['shore', 'coast', 'ocean'], finder: [aspect.finder] } as const;
  return all[aspect.by].slice(0, depthOf(aspect));
}

/** Returns the property of an aspect in its targets. */
export function columnOf(index: number): string {
  return `c${index}`;
}

function storedColumn({ sum, wideFrom }: Aspect, level: number) {
  const wide = level >= wideFrom;
  if (sum === null) return wide ? p.bigint('number').unsigned().default(0) : p.integer().unsigned().default(0);
  if (sum === 'price')
    return p
      .decimal()
      .precision(wide ? 15 : 14)
      .scale(wide ? 3 : 2)
      .default(0);
  if (sum === 'worth') return wide ? p.bigint().default(0) : p.bigint('number').default(0);
  return wide ? p.bigint('number').default(0) : p.integer().default(0);
}

function entity(name: string, properties: Record<string, unknown>): SeaClass {
  const Schema = defineEntity({ name, properties: properties as { id: ReturnType<typeof id> } });
  class Row extends Schema.class {}
  Object.defineProperty(Row, 'name', { value: name });
  Schema.setClass(Row);
  return Row;
}
