import { Client, fetchExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import type { CourseListQuery, CourseListQueryVariables } from './generated/graphql.js';
import { courseList, enroll } from './operations.js';

/** Makes a client with a normalized cache that joins the pages of each list; `token` is called for every request. */
export function urqlClient(url: string, token: () => string | null): Client {
  const cache = cacheExchange({
    // These have no id and belong to their parents.
    keys: {
      Count: () => null,
      EnrollmentStatusCount: () => null,
      RecountChange: () => null,
      Drift: () => null,
      CourseCountsChange: () => null,
    },
    resolvers: {
      Query: { courses: relayPagination(), enrollments: relayPagination(), recountRuns: relayPagination() },
      Course: { enrollments: relayPagination() },
      User: { enrollments: relayPagination() },
      RecountRun: { changes: relayPagination() },
    },
    updates: {
      Mutation: {
        unenroll({ unenroll }, _variables, stored) {
          const { deletedId } = unenroll as { deletedId: string | null };
          // Forgets the row; lists on the screen that contained it are refetched.
          if (deletedId) stored.invalidate({ __typename: 'Enrollment', id: deletedId });
        },
      },
    },
  });
  return new Client({
    url,
    exchanges: [cache, fetchExchange],
    fetchOptions: () => {
      const current = token();
      // Queries are sent by GET, which the server answers only with a header that no form or link of another site can
      // send.
      return {
        headers: { 'apollo-require-preflight': 'true', ...(current && { authorization: `Bearer ${current}` }) },
      };
    },
  });
}

/** Enrolls the viewer and returns the message for them; every list on the screen shows the new counts by itself. */
export async function enrollIn(client: Client, courseId: string): Promise<string> {
  const { data, error } = await client.mutation(enroll, { input: { courseId } });
  if (error?.networkError) throw error; // Not an answer of the API: no network, or a proxy's page.
  if (error) {
    const { message, extensions } = error.graphQLErrors[0]!;
    return extensions['code'] === 'UNAUTHENTICATED' ? 'Please sign in.' : message;
  }
  const { course, userErrors } = data!.enroll;
  return course
    ? `Welcome! You are one of ${course.activeEnrollments}.`
    : userErrors.map(({ message }) => message).join(' ');
}

/** Loads the next page and returns all pages in one, to be shown instead; null: there is no next page. */
export async function nextPage(
  client: Client,
  { courses }: CourseListQuery,
  variables: CourseListQueryVariables,
): Promise<CourseListQuery | null> {
  const { hasNextPage, endCursor } = courses.pageInfo;
  if (!hasNextPage) return null;
  const { data, error } = await client.query(courseList, { ...variables, after: endCursor });
  if (error) throw error;
  return data!;
}
