import fc from 'fast-check';
import { strategy } from '../../support/databases.js';
import { anyRow, anyTameRow } from '../conditions/arbitraries.js';

/** A row by its place among those that are there, from the first on again after the last; 9 stands for none. */
const anyPlace = fc.nat({ max: 9 });
const picks = fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 4 });
/** Few rows mostly, sometimes many, and rarely all. */
const manyPicks = fc.oneof(
  { weight: 80, arbitrary: picks },
  { weight: 19, arbitrary: fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 100, size: 'max' }) },
  { weight: 1, arbitrary: fc.constant<'all'>('all') },
);
const worth = fc.option(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), { freq: 4 });
const anyFinder = fc.record({ type: fc.constantFrom('keeper', 'ocean'), place: anyPlace });
const shell = (row: typeof anyRow) => fc.record({ row, shore: anyPlace, finder: anyFinder, worth });
const fewShells = (row: typeof anyRow) => fc.array(shell(row), { minLength: 1, maxLength: 4 });
/** How often each of some new rows comes: once mostly, and rarely so often that they take several statements. */
const times = fc.oneof(
  { weight: 399, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.integer({ min: 50, max: 300 }) },
);
const manyTimes = fc.oneof(
  { weight: 7, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.integer({ min: 10, max: 400 }) },
);
const byReference = fc.boolean();
const isMoved = fc.boolean();

/** A part of one flush. */
const anyPart = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('create' as const), shells: fewShells(anyRow), times }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('update' as const),
      picks: manyPicks,
      byReference,
      isMoved,
      to: shell(anyRow),
    }),
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

/** The parts of one flush: few, or so many that their rows are written in several statements. */
const anyParts = fc.oneof(
  { weight: 10, arbitrary: fc.array(anyPart, { minLength: 1, maxLength: 5 }) },
  { weight: 4, arbitrary: fc.array(anyPart, { minLength: 1, maxLength: 20, size: 'max' }) },
  { weight: 10, arbitrary: fc.array(anyPart, { minLength: 1, maxLength: 200, size: 'max' }) },
);

/** One write: a flush of several parts, a bulk write, or SQL of another program where triggers count. */
const anyWrite = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ type: fc.constant('flush' as const), parts: anyParts }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('insertMany' as const), shells: fewShells(anyTameRow), times: manyTimes }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('updateWhere' as const),
      picks: manyPicks,
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
      picks: manyPicks,
      place: anyPlace,
    }),
  },
);

/** How rows are removed where there are too many of them after a step. */
const thins = fc.constantFrom('in a flush' as const, 'in bulk' as const);

/** A write, or several in one transaction, which may be rolled back. */
export const anyStep = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ writes: fc.tuple(anyWrite), end: fc.constant(null), loads: fc.boolean(), thins }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      writes: fc.array(anyWrite, { minLength: 1, maxLength: 4 }),
      end: fc.constantFrom('commit' as const, 'rollback' as const),
      loads: fc.boolean(),
      thins,
    }),
  },
);

export type Part = typeof anyPart extends fc.Arbitrary<infer Value> ? Value : never;
export type Write = typeof anyWrite extends fc.Arbitrary<infer Value> ? Value : never;
export type Step = typeof anyStep extends fc.Arbitrary<infer Value> ? Value : never;
export type AnyShell = ReturnType<typeof shell> extends fc.Arbitrary<infer Value> ? Value : never;

/** Some rows: by their places, modulo their number, or all. */
export type Picks = readonly number[] | 'all';
