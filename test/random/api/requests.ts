import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { Answer } from '../../support/api.js';
import { inSomeOrder, type Answered } from './any-order.js';
import type { CallerKind, Classroom } from './classroom.js';
import { createCourse, createUser, deleteCourse, deleteUser, updateCourse } from './course-mutations.js';
import { enroll, enrollMany, setStatus, transfer, unenroll } from './enrollment-mutations.js';
import { Look } from './look.js';
import { malformed, type MakeMutation, type Mutation } from './mutation.js';
import { newIdsIn, shownBy } from './shown.js';
import { denied, isDeleted } from './verdict.js';

type Command = fc.AsyncCommand<Classroom, Classroom, true>;

interface Call {
  readonly caller: readonly [CallerKind, number];
  readonly make: MakeMutation;
  readonly spoilt: boolean;
}

/** Is one step of a story: one mutation, or several at once, and then answers, database and model must agree. */
class Mutations implements Command {
  constructor(private readonly calls: readonly Call[]) {}

  check(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async run(room: Classroom): Promise<void> {
    const calls = this.calls.map(({ caller, make, spoilt }) => ({
      ...room.caller(...caller),
      mutation: spoilt ? malformed(make(room)) : make(room),
    }));
    room.story.tell(calls.map(({ told, mutation }) => `${told} asks to ${mutation.told}`).join(', and at once '));
    const answers = await Promise.all(
      calls.map(({ viewer, mutation: { name, input } }) => room.mutate(viewer, name, input)),
    );
    const answered = calls.map(({ viewer, mutation }, index) => ({
      viewer,
      mutation,
      answer: answers[index]!,
      ...read(answers[index]!, mutation),
    }));
    room.answered(answered.map(({ codes }) => codes));
    if (answered.length === 1) {
      judge(room, answered[0]!);
      return room.check();
    }
    const before = room.school;
    await room.check(true);
    if (!inSomeOrder(before, answered, room.school))
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
  spoilt: fc.nat({ max: 29 }).map(number => number === 29),
});
const request = oneOf<Command>(
  [17, call.map(one => new Mutations([one]))],
  [2, fc.array(call, { minLength: 2, maxLength: 4 }).map(calls => new Mutations(calls))],
  [1, callers.map(caller => new Look(caller))],
);

/** Gives stories: lists of requests of at most this length. */
export function requestStories(maxCommands: number): fc.Arbitrary<Iterable<Command>> {
  return fc.commands<Classroom, Classroom, true>([request], { maxCommands, size: 'max' });
}

/** Tells a story in a classroom; gives the number of its requests. */
export async function tellRequests(room: Classroom, requests: Iterable<Command>): Promise<number> {
  await fc.asyncModelRun(() => ({ model: room, real: room }), requests);
  return room.operations;
}

function read({ data, errors }: Answer, { name }: Mutation): { codes: string[]; newIds: number[] } {
  if (errors) return { codes: errors.map(({ extensions }) => extensions.code), newIds: [] };
  return {
    codes: (data[name].userErrors as { code: string }[]).map(({ code }) => code),
    newIds: newIdsIn(name, data[name]),
  };
}

/** Holds one answer against the model, which it changes. */
function judge(
  room: Classroom,
  { viewer, mutation, answer, codes, newIds }: Answered & { readonly answer: Answer },
): void {
  const verdict = isDeleted(room.school, viewer) ? denied('UNAUTHENTICATED') : mutation.verdict(room.school, viewer);
  const wanted = verdict.error === undefined ? verdict.codes : [verdict.error];
  const told = (list: readonly string[]): string => list.join(' ') || 'done';
  const { name } = mutation;
  if (String(codes) !== String(wanted))
    throw new Error(
      `it answers ${told(codes)}, not ${told(wanted)}: ${JSON.stringify(answer.errors ?? answer.data[name])}`,
    );
  if (verdict.error !== undefined) return;
  if (newIds.length !== verdict.news) throw new Error(`it shows ${newIds.length} new rows, not ${verdict.news}`);
  const shown = shownBy(room.school, name, verdict.change?.(newIds) ?? {});
  const { userErrors: _, ...payload } = answer.data[name] as Record<string, unknown>;
  if (!isDeepStrictEqual(payload, shown))
    throw new Error(`it shows ${JSON.stringify(payload)}, not ${JSON.stringify(shown)}`);
}

function oneOf<Value>(...choices: readonly (readonly [number, fc.Arbitrary<Value>])[]): fc.Arbitrary<Value> {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}
