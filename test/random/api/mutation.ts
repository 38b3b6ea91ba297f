import fc from 'fast-check';
import type { Viewer } from '../../../src/access/viewer.js';
import type { MutationName } from '../../support/mutations.js';
import { UNKNOWN, type Classroom } from './classroom.js';
import type { School } from './school.js';
import { adminOnly, denied, signedIn, staffOnly, type Verdict } from './verdict.js';

/** Is a mutation ready to be sent: its name and input, how the story tells it, and what must come of it. */
export interface Mutation {
  readonly name: MutationName;
  readonly told: string;
  readonly input: object;
  verdict(school: School, viewer: Viewer | null): Verdict;
}

/** Holds who may send which mutation, as far as that does not depend on the rows that it names. */
const mayAsk: Readonly<Record<MutationName, (viewer: Viewer | null) => Verdict | null>> = {
  enroll: signedIn,
  enrollMany: staffOnly,
  setEnrollmentStatus: staffOnly,
  transferEnrollment: staffOnly,
  unenroll: signedIn,
  createCourse: staffOnly,
  updateCourse: staffOnly,
  deleteCourse: adminOnly,
  createUser: adminOnly,
  deleteUser: adminOnly,
};

/** Makes a mutation for the rows that are there. */
export type MakeMutation = (room: Classroom) => Mutation;

/** Is a row before it is known which there are; seldom one that is not there. */
export interface ChosenRow {
  readonly number: number;
  readonly lost: boolean;
}

/** Chooses a row. */
export const anyRow: fc.Arbitrary<ChosenRow> = fc.record({
  number: fc.nat({ max: 11 }),
  lost: fc.nat({ max: 14 }).map(number => number === 14),
});

/** Gives the id of a chosen row. */
export function idOf(
  { school }: Classroom,
  kind: 'course' | 'enrollment' | 'user',
  { number, lost }: ChosenRow,
): number {
  const ids = [...{ course: school.courses, enrollment: school.enrollments, user: school.users }[kind].keys()];
  return lost || ids.length === 0 ? UNKNOWN : ids[number % ids.length]!;
}

/** Chooses one of the values, and seldom another one. */
export function mostly<Value, Seldom>(values: readonly Value[], seldom: Seldom): fc.Arbitrary<Value | Seldom> {
  return fc.oneof({ weight: 19, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: fc.constant(seldom) });
}

/**
 * Gives a mutation whose ids no longer read as ids, which is refused once it is clear that the viewer may send such a
 * mutation at all.
 */
export function malformed(mutation: Mutation): Mutation {
  const input = Object.fromEntries(
    Object.entries(mutation.input).map(([name, value]) => [
      name,
      /^id$|Id$/.test(name) && value !== null ? `no${value}` : value,
    ]),
  );
  if (JSON.stringify(input) === JSON.stringify(mutation.input)) return mutation;
  return {
    ...mutation,
    told: `${mutation.told} with malformed ids`,
    input,
    verdict: (_, viewer) => mayAsk[mutation.name](viewer) ?? denied('BAD_USER_INPUT'),
  };
}
