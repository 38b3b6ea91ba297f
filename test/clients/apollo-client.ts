import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, type ObservableQuery } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { relayStylePagination } from '@apollo/client/utilities';
import type { CourseListQuery, CourseListQueryVariables } from './generated/graphql.js';
import { enroll, unenroll } from './operations.js';

/**
 * Makes a client whose cache joins the pages of each list; `token` is called for every request, so that it may change.
 */
export function apolloClient(url: string, token: () => string | null): ApolloClient {
  const authorization = new SetContextLink(({ headers }) => {
    const current = token();
    return { headers: { ...headers, ...(current && { authorization: `Bearer ${current}` }) } };
  });
  const list = relayStylePagination(['filter', 'orderBy']);
  const cache = new InMemoryCache({
    typePolicies: {
      Query: { fields: { courses: list, enrollments: list, recountRuns: relayStylePagination() } },
      Course: { fields: { enrollments: list } },
      User: { fields: { enrollments: list } },
      RecountRun: { fields: { changes: relayStylePagination() } },
      // It has no id: two selections of one count complete each other.
      Count: { merge: true },
    },
  });
  return new ApolloClient({ link: authorization.concat(new HttpLink({ uri: url })), cache });
}

/** Enrolls the viewer and returns the message for them; every watched list shows the new counts by itself. */
export async function enrollIn(client: ApolloClient, courseId: string): Promise<string> {
  try {
    const { data } = await client.mutate({ mutation: enroll, variables: { input: { courseId } } });
    const { course, userErrors } = data!.enroll;
    return course
      ? `Welcome! You are one of ${course.activeEnrollments}.`
      : userErrors.map(({ message }) => message).join(' ');
  } catch (error) {
    if (!CombinedGraphQLErrors.is(error)) throw error; // Not an answer of the API: no network, or a proxy's page.
    const { message, extensions } = error.errors[0]!;
    return extensions?.['code'] === 'UNAUTHENTICATED' ? 'Please sign in.' : message;
  }
}

/** Deletes an enrollment; the payload's course has the new counts, and the row is removed from every list. */
export async function leave(client: ApolloClient, enrollmentId: string): Promise<void> {
  await client.mutate({
    mutation: unenroll,
    variables: { input: { enrollmentId } },
    update(cache, { data }) {
      const id = data?.unenroll.deletedId;
      if (id) cache.evict({ id: cache.identify({ __typename: 'Enrollment', id }) });
      cache.gc();
    },
  });
}

/**
 * Loads the next page of a watched list, if there is one, and returns whether there was; the list then has all pages so
 * far.
 */
export async function nextPage(list: ObservableQuery<CourseListQuery, CourseListQueryVariables>): Promise<boolean> {
  const { hasNextPage, endCursor } = (list.getCurrentResult().data as CourseListQuery).courses.pageInfo;
  if (hasNextPage) await list.fetchMore({ variables: { after: endCursor } });
  return hasNextPage;
}
