import fc from 'fast-check';
import type { Viewer } from '../../../src/access/viewer.js';
import type { MutationName } from '../../support/mutations.js';
import { UNKNOWN, type ModelRun } from './model-run.js';
import type { School } from './school.js';
import { adminOnly, denied, signedIn, staffOnly, type Expected } from './expected.js';

/** A mutation ready to be sent: its name and input, its text in the log, and its expected answer. */
export interface Mutation {
  readonly name: MutationName;
  readonly text: string;
  readonly input: object;
  readonly expected: (school: School, viewer: Viewer | null) => Expected;
}

/** The check of access to each mutation, as far as it does not depend on rows. */
const accessOf: Readonly<Record<MutationName, (viewer: Viewer | null) => Expected | null>> = {
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

/** Makes a mutation of existing rows. */
export type MakeMutation = (run: ModelRun) => Mutation;

/** A choice of a row before the existing rows are known; rarely a missing one. */
export interface RowChoice {
  readonly number: number;
  readonly missing: boolean;
}

/** Any row. */
export const anyRow: fc.Arbitrary<RowChoice> = fc.record({
  number: fc.nat({ max: 11 }),
  missing: fc.nat({ max: 14 }).map(number => number === 14),
});

/** Returns the id of a chosen row. */
export function idOf(
  { school }: ModelRun,
  kind: 'course' | 'enrollment' | 'user',
  { number, missing }: RowChoice,
): number {
  const ids = [...{ course: school.courses, enrollment: school.enrollments, user: school.users }[kind].keys()];
  return missing || ids.length === 0 ? UNKNOWN : ids[number % ids.length]!;
}

/** Returns an arbitrary of these values, and rarely another one. */
export function mostly<Value, Seldom>(values: readonly Value[], seldom: Seldom): fc.Arbitrary<Value | Seldom> {
  return fc.oneof({ weight: 19, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: fc.constant(seldom) });
}

/** Returns a mutation with malformed ids, which is rejected once the viewer's access is checked. */
export function withMalformedIds(mutation: Mutation): Mutation {
  const input = Object.fromEntries(
    Object.entries(mutation.input).map(([name, value]) => [
      name,
      /^id$|Id$/.test(name) && value !== null ? `no${value}` : value,
    ]),
  );
  if (JSON.stringify(input) === JSON.stringify(mutation.input)) return mutation;
  return {
    ...mutation,
    text: `${mutation.text} with malformed ids`,
    input,
    expected: (_, viewer) => accessOf[mutation.name](viewer) ?? denied('BAD_USER_INPUT'),
  };
}
