import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startClientSchool, type ClientSchool } from '../support/client-school.js';
import * as apollo from './apollo-client.js';
import type { CourseEnrollmentsQuery, CourseListQuery } from './generated/graphql.js';
import {
  courseEnrollments,
  courseList,
  enroll,
  enrollMany,
  setEnrollmentStatus,
  transferEnrollment,
  unenroll,
} from './operations.js';
import * as urql from './urql-client.js';

type Document<Data, Variables> = TypedDocumentNode<Data, Variables>;
type Input = { input: Record<string, unknown> };

/** A query on the screen. */
interface Shown<Data> {
  readonly now: () => Data;
  /** Waits until the query shows the expected data. */
  readonly until: (isThere: (data: Data) => boolean) => Promise<unknown>;
  readonly more: (after: string) => Promise<unknown>;
}

/** A client with a normalized cache: it shows a query until it is released, and sends mutations. */
interface CachingClient {
  /** Shows a query from its first answer on and returns a view of its present data. */
  readonly show: <Data, Variables extends Record<string, unknown>>(
    document: Document<Data, Variables>,
    variables: Variables,
  ) => Promise<Shown<Data>>;
  readonly mutate: <Data, Variables extends Input>(
    document: Document<Data, Variables>,
    variables: Variables,
  ) => Promise<Data>;
  readonly unenroll: (enrollmentId: string) => Promise<unknown>;
  /** Walks the courses, so many at a time, and returns what the list shows at the end. */
  readonly allCourses: (first: number) => Promise<CourseListQuery>;
}

function apolloCaching(url: string, token: string): CachingClient {
  const client = apollo.apolloClient(url, () => token);
  type List = ReturnType<typeof client.watchQuery<any, any>>;
  const until = (list: List, isThere: (data: any) => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      list.subscribe(({ data, error }) => (error ? reject(error) : data && isThere(data) && resolve()));
    });
  /** Loads a page and waits until the list shows it: an earlier request for another one would delay it. */
  const loaded = async <Result>(list: List, work: () => Promise<Result>): Promise<Result> => {
    const before = list.getCurrentResult().data;
    const result = await work();
    if (result) await until(list, data => data !== before);
    return result;
  };
  const watch = async (query: any, variables: any): Promise<List> => {
    const list = client.watchQuery<any, any>({ query, variables });
    await until(list, () => true);
    return list;
  };
  return {
    async show(document, variables) {
      const list = await watch(document, variables);
      return {
        now: () => list.getCurrentResult().data,
        until: isThere => until(list, isThere),
        more: after => loaded(list, () => list.fetchMore({ variables: { after } })),
      };
    },
    mutate: async (mutation, variables) => (await client.mutate({ mutation, variables })).data!,
    unenroll: enrollmentId => apollo.leave(client, enrollmentId),
    async allCourses(first) {
      const list = await watch(courseList, { first });
      for (let pages = 1; (await loaded(list, () => apollo.nextPage(list))) && pages < 10; pages += 1);
      return list.getCurrentResult().data;
    },
  };
}

function urqlCaching(url: string, token: string): CachingClient {
  const client = urql.urqlClient(url, () => token);
  const show = async <Data>(document: any, variables: any): Promise<Shown<Data>> => {
    let shown: Data;
    const until = (isThere: (data: Data) => boolean): Promise<void> =>
      new Promise((resolve, reject) => {
        client.query<Data>(document, variables).subscribe(({ data, error }) => {
          if (error) return reject(error);
          shown = data!;
          if (isThere(shown)) resolve();
        });
      });
    await until(() => true);
    return {
      now: () => shown,
      until,
      more: async after => void (shown = (await client.query<Data>(document, { ...variables, after })).data!),
    };
  };
  const mutate = async (document: any, variables: any): Promise<any> => {
    const { data, error } = await client.mutation(document, variables);
    if (error) throw error;
    return data;
  };
  return {
    show,
    mutate,
    unenroll: enrollmentId => mutate(unenroll, { input: { enrollmentId } }),
    async allCourses(first) {
      let shown = (await show<CourseListQuery>(courseList, { first })).now();
      for (
        let next: CourseListQuery | null = shown, pages = 0;
        next && pages < 10;
        pages += 1, next = await urql.nextPage(client, shown, { first })
      )
        shown = next;
      return shown;
    },
  };
}

const caches = [
  ['Apollo Client', apolloCaching],
  ['urql', urqlCaching],
] as const;

describe.each(caches)('the cache of %s', (_name, caching) => {
  let school: ClientSchool;
  let client: CachingClient;

  beforeEach(async () => {
    school = await startClientSchool();
    client = caching(school.api.url, school.admin);
  });
  afterEach(() => school.api.stop());

  /** Returns each course's totalEnrollments and activeEnrollments from the list, in its order. */
  const countsIn = ({ courses }: CourseListQuery): number[][] =>
    courses.edges.map(({ node }) => [node.totalEnrollments, node.activeEnrollments]);

  it('a cache shows the new counts in a list after each mutation, from the payload alone', async () => {
    const second = school.courses[1]!;
    const list = await client.show(courseList, {});
    const shown = async (): Promise<number[][]> => {
      await setImmediate(); // Clients tell those who look once the answer is stored.
      return countsIn(list.now()).slice(0, 2);
    };
    expect(await shown()).toEqual([
      [7, 7],
      [0, 0],
    ]);
    const asked = await school.requests(async () => {
      const { enroll: enrolled } = await client.mutate(enroll, {
        input: { courseId: second, studentId: school.students[0]! },
      });
      expect(await shown()).toEqual([
        [7, 7],
        [1, 1],
      ]);
      await client.mutate(enrollMany, { input: { courseId: second, studentIds: school.students.slice(1, 4) } });
      expect(await shown()).toEqual([
        [7, 7],
        [4, 4],
      ]);
      const enrollmentId = enrolled.enrollment!.id;
      await client.mutate(setEnrollmentStatus, { input: { enrollmentId, status: 'DROPPED' } });
      expect(await shown()).toEqual([
        [7, 7],
        [4, 3],
      ]);
      await client.unenroll(enrollmentId);
      expect(await shown()).toEqual([
        [7, 7],
        [3, 3],
      ]);
      const moved = school.enrollments[6]!; // That of the first student, who has just left the second course.
      await client.mutate(transferEnrollment, { input: { enrollmentId: moved, courseId: second } });
      expect(await shown()).toEqual([
        [6, 6],
        [4, 4],
      ]);
    });
    expect(asked).toEqual({ enroll: 1, enrollMany: 1, setEnrollmentStatus: 1, unenroll: 1, transferEnrollment: 1 });
  });

  it('a cache drops the row whose id unenroll returns', async () => {
    const list = await client.show(courseEnrollments, { courseId: school.courses[0]! });
    const rows = ({ course }: CourseEnrollmentsQuery): string[] => course!.enrollments.edges.map(({ node }) => node.id);
    expect(rows(list.now())).toEqual(school.enrollments);
    const { courses: asked = 0, course: listed = 0 } = await school.requests(async () => {
      await client.unenroll(school.enrollments[2]!);
      await list.until(data => rows(data).length === 6);
    });
    expect(rows(list.now())).toEqual(school.enrollments.filter((_id, index) => index !== 2));
    expect(list.now().course!.totalEnrollments).toBe(6);
    // graphcache requests the list again, sometimes twice.
    expect([asked, listed > 0]).toEqual([0, caching === urqlCaching]);
  });
});

describe.each(caches)('the pages that the cache of %s joins', (_name, caching) => {
  let school: ClientSchool;

  beforeAll(async () => {
    school = await startClientSchool();
  });
  afterAll(() => school.api.stop());

  it.each([1, 2, 3, 5, 100])('a cache that joins pages walks the courses %i at a time, each once', async first => {
    const client = caching(school.api.url, school.admin);
    const { courses } = await client.allCourses(first);
    expect(courses.edges.map(({ node }) => node.id)).toEqual(school.courses);
    expect(courses.pageInfo.hasNextPage).toBe(false);
  });

  it.each([1, 2, 3, 7])(
    "a cache that joins pages walks a course's enrollments %i at a time, each once",
    async first => {
      const client = caching(school.api.url, school.admin);
      const list = await client.show(courseEnrollments, { courseId: school.courses[0]!, first });
      const page = () => list.now().course!.enrollments;
      for (let pages = 1; page().pageInfo.hasNextPage && pages < 10; pages += 1)
        await list.more(page().pageInfo.endCursor!);
      expect(page().edges.map(({ node }) => node.id)).toEqual(school.enrollments);
    },
  );
});
