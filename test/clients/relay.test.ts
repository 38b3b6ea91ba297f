import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  getRequest,
  getSingularSelector,
  type ConcreteRequest,
  type Environment,
  type OperationDescriptor,
  type ReaderFragment,
} from 'relay-runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addCourse, addEnrollment } from '../support/api.js';
import { startClientSchool, type ClientSchool } from '../support/client-school.js';
import { relayEnvironment } from './relay/environment.js';
import { forgetEnrollment } from './relay/forget-enrollment.js';

// The package gives the path of its program and has no types.
const compiler = createRequire(import.meta.url)('relay-compiler') as string;

/** A list as a Relay component reads it. */
interface List {
  readonly edges: readonly { node: { id: string; totalEnrollments?: number } }[];
  readonly pageInfo: { hasNextPage: boolean; endCursor: string };
}

let school: ClientSchool;
let folder: string;

beforeAll(async () => {
  school = await startClientSchool();
  folder = mkdtempSync(join(tmpdir(), 'rollcall-relay-'));
  cpSync(join(import.meta.dirname, 'relay'), folder, { recursive: true });
  cpSync(resolve(import.meta.dirname, '../../schema/schema.graphql'), join(folder, 'schema.graphql'));
  mkdirSync(join(folder, '__generated__'));
  await promisify(execFile)(compiler, ['relay.config.json'], { cwd: folder });
});
afterAll(async () => {
  await school.api.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Returns the compiled operation or fragment, with which Babel replaces the graphql tags of the examples. */
async function compiled<Node>(name: string): Promise<Node> {
  return ((await import(/* @vite-ignore */ join(folder, '__generated__', `${name}.graphql.ts`))) as { default: Node })
    .default;
}

/** Returns a view of the present data of a fragment of the page. */
async function reader(environment: Environment, operation: OperationDescriptor, fragmentName: string) {
  const fragment = await compiled<ReaderFragment>(fragmentName);
  return <Data>(): Data => {
    const root = environment.lookup(operation.fragment).data;
    return environment.lookup(getSingularSelector(fragment, root)).data as Data;
  };
}

/** Opens the page of both lists, two rows each. */
async function open(courseId: string) {
  const environment = relayEnvironment(school.api.url, () => school.admin);
  const request = await compiled<ConcreteRequest>('coursesQuery');
  const variables = { courseId, first: 2 };
  await fetchQuery(environment, request, variables).toPromise();
  const operation = createOperationDescriptor(getRequest(request), variables);
  environment.retain(operation);
  const page = async (name: string, after: string): Promise<void> =>
    void (await fetchQuery(environment, await compiled(name), { ...variables, after }).toPromise());
  const courses = await reader(environment, operation, 'courses_list');
  const enrollments = await reader(environment, operation, 'courses_enrollments');
  return {
    environment,
    page,
    courses: () => courses<{ courses: List }>().courses,
    course: () => enrollments<{ course: { totalEnrollments: number; enrollments: List } }>().course,
  };
}

it('the pages that the compiler makes of @refetchable are joined into one list each', async () => {
  const { page, courses, course } = await open(school.courses[0]!);
  for (let loaded = 1; courses().pageInfo.hasNextPage && loaded < 10; loaded += 1)
    await page('coursesListPageQuery', courses().pageInfo.endCursor);
  expect(courses().edges.map(({ node }) => node.id)).toEqual(school.courses);
  for (let loaded = 1; course().enrollments.pageInfo.hasNextPage && loaded < 10; loaded += 1)
    await page('coursesEnrollmentsPageQuery', course().enrollments.pageInfo.endCursor);
  expect(course().enrollments.edges.map(({ node }) => node.id)).toEqual(school.enrollments);
});

it("a mutation's course alone updates the counts in the store, and what unenroll deleted is gone", async () => {
  const course = await addCourse(school.api.database);
  const enrollment = await addEnrollment(school.api.database, course, Number(school.students[0]));
  const { environment, course: shown } = await open(String(course));
  const run = async (name: string, input: object, updater?: typeof forgetEnrollment): Promise<void> => {
    const mutation = await compiled<ConcreteRequest>(name);
    await new Promise<unknown>((onCompleted, onError) =>
      commitMutation(environment, {
        mutation,
        variables: { input },
        ...(updater && { updater }),
        onCompleted,
        onError,
      }),
    );
  };
  expect(shown().totalEnrollments).toBe(1);
  const asked = await school.requests(async () => {
    await run('coursesEnrollMutation', { courseId: String(course), studentId: school.students[1] });
    expect(shown().totalEnrollments).toBe(2);
    await run('coursesUnenrollMutation', { enrollmentId: String(enrollment) }, forgetEnrollment);
    expect(shown()).toMatchObject({ totalEnrollments: 1, enrollments: { edges: [] } });
  });
  expect(asked).toEqual({ enroll: 1, unenroll: 1 });
});
