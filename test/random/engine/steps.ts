import fc from 'fast-check';
import { perform, type Act } from './act.js';
import { deletingWhere, insertingMany, locking, updatingWhere } from './bulk-acts.js';
import { bypassing } from './bypass-acts.js';
import { changing, creatingCourse, enrolling, removing, removingCourse } from './entity-acts.js';
import { assigning, clearing, flushing, loading, renaming, touching } from './memory-acts.js';
import { arriving, deletingCourse, deletingUser } from './service-acts.js';
import { afterRefusal, beginning, ending, forking, transacting } from './transaction-acts.js';
import { writers, type Level, type World } from './world.js';

/** Is one step of a story: a writer does something, and then database and model must agree. */
class Step implements fc.AsyncCommand<World, World, true> {
  constructor(
    private readonly writer: number,
    private readonly act: Act,
  ) {}

  check({ open }: Readonly<World>): Promise<boolean> {
    return Promise.resolve(this.act.needs !== 'idle' || open === null);
  }

  async run(world: World): Promise<void> {
    // SQLite has one connection, and elsewhere the others would wait for locks: whoever has a transaction open goes on.
    const writer = world.open && this.act.needs !== 'memory' ? world.open.writer : this.writer;
    const em = world.ems[writer]!;
    const level: Level = world.open?.writer === writer ? world.open.level : { ems: [em], broken: null };
    await perform(this.act, { world, em, who: writers[writer]!, level });
    await afterRefusal(world);
    if (this.act.needs !== 'memory') await world.check(em);
  }

  toString(): string {
    return this.act.name;
  }
}

const single: [number, fc.Arbitrary<Act>][] = [
  [14, enrolling],
  [3, creatingCourse],
  [20, changing],
  [6, removing],
  [1, removingCourse],
  [12, loading],
  [3, renaming],
  [3, touching],
  [1, assigning],
  [5, flushing],
  [1, clearing],
  [6, insertingMany],
  [4, updatingWhere],
  [1, deletingWhere],
  [1, locking],
  [2, bypassing],
];

/** Gives stories of acts with these weights beside the usual ones: lists of steps of at most this length. */
export function stories(
  maxCommands: number,
  ...more: readonly [number, fc.Arbitrary<Act>][]
): fc.Arbitrary<Iterable<fc.AsyncCommand<World, World, true>>> {
  const simple = oneOf(...single, ...more);
  const acts = oneOf([40, simple], [1, forking(list(simple, 3))]);
  const inner = transacting(list(acts, 4));
  const middle = transacting(list(oneOf([20, acts], [1, inner]), 4));
  const outer = transacting(list(oneOf([15, acts], [1, inner], [1, middle]), 5));
  const act = oneOf(
    [70, acts],
    [8, outer],
    [3, beginning],
    [10, ending],
    [1, deletingCourse],
    [1, deletingUser],
    [2, arriving],
  );
  const step = fc.tuple(fc.nat({ max: writers.length - 1 }), act).map(([writer, act]) => new Step(writer, act));
  return fc.commands<World, World, true>([step], { maxCommands, size: 'max' });
}

function list(act: fc.Arbitrary<Act>, maxLength: number): fc.Arbitrary<Act[]> {
  return fc.array(act, { maxLength, size: 'max' });
}

function oneOf(...choices: readonly (readonly [number, fc.Arbitrary<Act>])[]): fc.Arbitrary<Act> {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}
