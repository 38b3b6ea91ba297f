import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { Answer } from '../../support/api.js';
import { inSomeOrder, type Answered } from './any-order.js';
import type { CallerKind, ModelRun } from './model-run.js';
import { createCourse, createUser, deleteCourse, deleteUser, updateCourse } from './course-mutations.js';
import { enroll, enrollMany, setStatus, transfer, unenroll } from './enrollment-mutations.js';
import { ReadCourses } from './read-courses.js';
import { withMalformedIds, type MakeMutation, type Mutation } from './mutation.js';
import { newIdsIn, shownBy } from './shown.js';
import { denied, isDeleted } from './expected.js';

type Command = fc.AsyncCommand<ModelRun, ModelRun, true>;

interface Call {
  readonly caller: readonly [CallerKind, number];
  readonly make: MakeMutation;
  readonly malformed: boolean;
}

/** A command: one mutation, or several at once, and then answers, database and model must agree. */
class SendMutations implements Command {
  constructor(private readonly calls: readonly Call[]) {}

  check(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async run(run: ModelRun): Promise<void> {
    const calls = this.calls.map(({ caller, make, malformed }) => ({
      ...run.caller(...caller),
      mutation: malformed ? withMalformedIds(make(run)) : make(run),
    }));
    run.log.write(calls.map(({ text, mutation }) => `${text} asks to ${mutation.text}`).join(', and at once '));
    const answers = await Promise.all(
      calls.map(({ viewer, mutation: { name, input } }) => run.mutate(viewer, name, input)),
    );
    const answered = calls.map(({ viewer, mutation }, index) => ({
      viewer,
      mutation,
      answer: answers[index]!,
      ...read(answers[index]!, mutation),
    }));
    run.answered(answered.map(({ codes }) => codes));
    if (answered.length === 1) {
      judge(run, answered[0]!);
      return run.check();
    }
    const before = run.school;
    await run.check(true);
    if (!inSomeOrder(before, answered, run.school))
      throw new Error('no order of these explains the answers and the rows');
  }

  toString(): string {
    return `${this.calls.length} at once`;
  }
}

const mutations = oneOf<MakeMutation>(
  [16, enroll],
  [4, enrollMany],
  [6, setStatus],
  [6, transfer],
  [6, unenroll],
  [2, createCourse],
  [5, updateCourse],
  [1, deleteCourse],
  [2, createUser],
  [1, deleteUser],
);
const callerKind = oneOf<CallerKind>(
  [16, fc.constant('user')],
  [20, fc.constant('admin')],
  [2, fc.constant('nobody')],
  [1, fc.constant('former')],
);
const callers = fc.tuple(callerKind, fc.nat({ max: 11 }));
const call: fc.Arbitrary<Call> = fc.record({
  caller: callers,
  make: mutations,
  malformed: fc.nat({ max: 29 }).map(number => number === 29),
});
const request = oneOf<Command>(
  [17, call.map(one => new SendMutations([one]))],
  [2, fc.array(call, { minLength: 2, maxLength: 4 }).map(calls => new SendMutations(calls))],
  [1, callers.map(caller => new ReadCourses(caller))],
);

/** Returns lists of at most this many commands. */
export function apiCommands(maxCommands: number): fc.Arbitrary<Iterable<Command>> {
  return fc.commands<ModelRun, ModelRun, true>([request], { maxCommands, size: 'max' });
}

/** Runs commands and returns the number of their requests. */
export async function runCommands(run: ModelRun, requests: Iterable<Command>): Promise<number> {
  await fc.asyncModelRun(() => ({ model: run, real: run }), requests);
  return run.operations;
}

function read({ data, errors }: Answer, { name }: Mutation): { codes: string[]; newIds: number[] } {
  if (errors) return { codes: errors.map(({ extensions }) => extensions.code), newIds: [] };
  return {
    codes: (data[name].userErrors as { code: string }[]).map(({ code }) => code),
    newIds: newIdsIn(name, data[name]),
  };
}

/** Compares one answer with the model, which it changes. */
function judge(
  run: ModelRun,
  { viewer, mutation, answer, codes, newIds }: Answered & { readonly answer: Answer },
): void {
  const expected = isDeleted(run.school, viewer) ? denied('UNAUTHENTICATED') : mutation.expected(run.school, viewer);
  const wanted = expected.error === undefined ? expected.codes : [expected.error];
  const text = (list: readonly string[]): string => list.join(' ') || 'done';
  const { name } = mutation;
  if (String(codes) !== String(wanted))
    throw new Error(
      `it answers ${text(codes)}, not ${text(wanted)}: ${JSON.stringify(answer.errors ?? answer.data[name])}`,
    );
  if (expected.error !== undefined) return;
  if (newIds.length !== expected.newRowCount)
    throw new Error(`it shows ${newIds.length} new rows, not ${expected.newRowCount}`);
  const shown = shownBy(run.school, name, expected.change?.(newIds) ?? {});
  const { userErrors: _, ...payload } = answer.data[name] as Record<string, unknown>;
  if (!isDeepStrictEqual(payload, shown))
    throw new Error(`it shows ${JSON.stringify(payload)}, not ${JSON.stringify(shown)}`);
}

function oneOf<Value>(...choices: readonly (readonly [number, fc.Arbitrary<Value>])[]): fc.Arbitrary<Value> {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}
