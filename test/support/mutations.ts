import { expect } from 'vitest';
import type { Answer, Api } from './api.js';

const courseFields =
  '{ id title description status isPublished capacity totalEnrollments activeEnrollments instructor { id } }';
const course = `course ${courseFields}`;
const enrollment = 'enrollment { id status student { id } course { id } }';

/** The type of each mutation's input and the fields of its payload that tests select besides userErrors. */
const selections = {
  enroll: ['EnrollInput', `${enrollment} ${course}`],
  enrollMany: ['EnrollManyInput', `enrollments { id status student { id } } ${course}`],
  setEnrollmentStatus: ['SetEnrollmentStatusInput', `${enrollment} ${course}`],
  transferEnrollment: ['TransferEnrollmentInput', `${enrollment} from ${courseFields} to ${courseFields}`],
  unenroll: ['UnenrollInput', `deletedId ${course}`],
  createCourse: ['CreateCourseInput', course],
  updateCourse: ['UpdateCourseInput', course],
  deleteCourse: ['DeleteCourseInput', 'deletedId'],
  createUser: ['CreateUserInput', 'user { id name email role }'],
  deleteUser: ['DeleteUserInput', 'deletedId'],
} as const;

/** The name of a mutation. */
export type MutationName = keyof typeof selections;

/** Sends one mutation and returns the whole answer. */
export function sendMutation(api: Api, token: string | null, name: MutationName, input: object): Promise<Answer> {
  const [type, selection] = selections[name];
  return api.send(
    token,
    `mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} userErrors { code field message } } }`,
    { input },
  );
}

/** Sends one mutation that the caller may do and returns its payload. */
export async function mutate(
  api: Api,
  token: string | null,
  name: MutationName,
  input: object,
): Promise<Answer['data']> {
  const { data, errors } = await sendMutation(api, token, name, input);
  expect(errors).toBeUndefined();
  return data[name];
}

/** Returns a payload's mistakes without their messages, as `CODE path.to.field`. */
export function mistakesIn(payload: { userErrors: { code: string; field: string[] | null }[] }): string[] {
  return payload.userErrors.map(({ code, field }) => `${code} ${field?.join('.') ?? '(no field)'}`);
}
