import fc from 'fast-check';
import { perform, type Action } from './action.js';
import { deletingWhere, insertingMany, locking, updatingWhere } from './bulk-actions.js';
import { bypassing } from './bypass-actions.js';
import { changing, creatingCourse, enrolling, removing, removingCourse } from './entity-actions.js';
import { assigning, clearing, flushing, loading, renaming, touching } from './memory-actions.js';
import { arriving, deletingCourse, deletingUser } from './service-actions.js';
import { afterRejection, beginning, ending, forking, transacting } from './transaction-actions.js';
import { writers, type Level, type ModelRun } from './model-run.js';

/** A command: a writer performs an action, and then database and model must agree. */
class WriterCommand implements fc.AsyncCommand<ModelRun, ModelRun, true> {
  constructor(
    private readonly writer: number,
    private readonly action: Action,
  ) {}

  check({ open }: Readonly<ModelRun>): Promise<boolean> {
    return Promise.resolve(this.action.needs !== 'idle' || open === null);
  }

  async run(run: ModelRun): Promise<void> {
    // SQLite has one connection, and elsewhere other writers would wait for locks: the writer with an open transaction
    // goes on.
    const writer = run.open && this.action.needs !== 'memory' ? run.open.writer : this.writer;
    const em = run.ems[writer]!;
    const level: Level = run.open?.writer === writer ? run.open.level : { ems: [em], broken: null };
    await perform(this.action, { run, em, who: writers[writer]!, level });
    await afterRejection(run);
    if (this.action.needs !== 'memory') await run.check(em);
  }

  toString(): string {
    return this.action.name;
  }
}

const single: [number, fc.Arbitrary<Action>][] = [
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

/** Returns lists of at most this many commands, with these weighted actions beside the usual ones. */
export function engineCommands(
  maxCommands: number,
  ...more: readonly [number, fc.Arbitrary<Action>][]
): fc.Arbitrary<Iterable<fc.AsyncCommand<ModelRun, ModelRun, true>>> {
  const simple = oneOf(...single, ...more);
  const actions = oneOf([40, simple], [1, forking(list(simple, 3))]);
  const inner = transacting(list(actions, 4));
  const middle = transacting(list(oneOf([20, actions], [1, inner]), 4));
  const outer = transacting(list(oneOf([15, actions], [1, inner], [1, middle]), 5));
  const action = oneOf(
    [70, actions],
    [8, outer],
    [3, beginning],
    [10, ending],
    [1, deletingCourse],
    [1, deletingUser],
    [2, arriving],
  );
  const step = fc
    .tuple(fc.nat({ max: writers.length - 1 }), action)
    .map(([writer, action]) => new WriterCommand(writer, action));
  return fc.commands<ModelRun, ModelRun, true>([step], { maxCommands, size: 'max' });
}

function list(action: fc.Arbitrary<Action>, maxLength: number): fc.Arbitrary<Action[]> {
  return fc.array(action, { maxLength, size: 'max' });
}

function oneOf(...choices: readonly (readonly [number, fc.Arbitrary<Action>])[]): fc.Arbitrary<Action> {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}
