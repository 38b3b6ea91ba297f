import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print, type GraphQLFormattedError } from 'graphql';
import { enroll } from './operations.js';

/** An answer of the API: data, errors, or both. */
export interface Answer<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly GraphQLFormattedError[];
}

/** Sends one operation. Throws if the response is not an answer of the API: no network, or a proxy's page. */
export async function send<Data, Variables>(
  url: string,
  token: string | null,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Answer<Data>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json;q=0.9',
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query: print(document), variables }),
  });
  return (await response.json()) as Answer<Data>;
}

/** Enrolls the viewer and returns the message for them. */
export async function enrollIn(url: string, token: string | null, courseId: string): Promise<string> {
  const { data, errors } = await send(url, token, enroll, { input: { courseId } });
  if (!data) {
    const { message, extensions } = errors![0]!;
    return extensions?.['code'] === 'UNAUTHENTICATED' ? 'Please sign in.' : message;
  }
  const { course, userErrors } = data.enroll;
  return course
    ? `Welcome! You are one of ${course.activeEnrollments}.`
    : userErrors.map(({ message }) => message).join(' ');
}
