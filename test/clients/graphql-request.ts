import { ClientError, GraphQLClient } from 'graphql-request';
import { enroll } from './operations.js';

/** Makes a client; `token` is called for every request, so that it may change. */
export function requestClient(url: string, token: () => string | null): GraphQLClient {
  return new GraphQLClient(url, {
    headers: () => {
      const current = token();
      return current ? { authorization: `Bearer ${current}` } : {};
    },
  });
}

/** Enrolls the viewer and returns the message for them. */
export async function enrollIn(client: GraphQLClient, courseId: string): Promise<string> {
  try {
    const { course, userErrors } = (await client.request(enroll, { input: { courseId } })).enroll;
    return course
      ? `Welcome! You are one of ${course.activeEnrollments}.`
      : userErrors.map(({ message }) => message).join(' ');
  } catch (error) {
    if (!(error instanceof ClientError) || !error.response.errors) throw error; // Not an answer of the API: no network, or a proxy's page.
    const { message, extensions } = error.response.errors[0]!;
    return extensions['code'] === 'UNAUTHENTICATED' ? 'Please sign in.' : message;
  }
}
