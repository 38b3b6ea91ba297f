import { ApolloClient, gql, HttpLink, InMemoryCache, type ApolloLink } from '@apollo/client';
import { BatchHttpLink } from '@apollo/client/link/batch-http';
import { Client, fetchExchange } from '@urql/core';
import { GraphQLClient } from 'graphql-request';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startClientSchool, type ClientSchool } from '../support/client-school.js';
import { courseList } from './operations.js';
import { urqlClient } from './urql-client.js';

let school: ClientSchool;

beforeAll(async () => {
  school = await startClientSchool();
});
afterAll(() => school.api.stop());

function apolloBy(link: ApolloLink): ApolloClient {
  return new ApolloClient({ link, cache: new InMemoryCache() });
}

describe('queries by GET', () => {
  it('urql sends queries by GET, and gets answers with the header of its example', async () => {
    const { data, operation, error } = await urqlClient(school.api.url, () => null).query(courseList, {});
    expect(error).toBeUndefined();
    expect(operation.context.preferGetMethod).toBe('within-url-limit');
    expect(data!.courses.edges).toHaveLength(5);
  });

  it('queries by GET are rejected from urql without that header, with what is missing', async () => {
    const { error } = await new Client({ url: school.api.url, exchanges: [fetchExchange] }).query(courseList, {});
    expect(error!.message).toMatch(/blocked as a potential Cross-Site Request Forgery[^]*apollo-require-preflight/);
  });

  it('queries are answered to urql without the header where it uses POST', async () => {
    const { data } = await new Client({
      url: school.api.url,
      exchanges: [fetchExchange],
      preferGetMethod: false,
    }).query(courseList, {});
    expect(data!.courses.edges).toHaveLength(5);
  });

  it('queries by GET are answered to Apollo Client, whose link sends a content-type with them', async () => {
    const { data } = await apolloBy(new HttpLink({ uri: school.api.url, useGETForQueries: true })).query({
      query: courseList,
    });
    expect(data!.courses.edges).toHaveLength(5);
  });

  it('queries by GET are answered to graphql-request with the header', async () => {
    const client = new GraphQLClient(school.api.url, {
      method: 'GET',
      headers: { 'apollo-require-preflight': 'true' },
    });
    expect((await client.request(courseList, {})).courses.edges).toHaveLength(5);
    await expect(new GraphQLClient(school.api.url, { method: 'GET' }).request(courseList, {})).rejects.toThrow(
      /Cross-Site Request Forgery/,
    );
  });
});

describe('several operations in one request', () => {
  it('several operations in one request are rejected with status 400 and a message', async () => {
    const body = JSON.stringify([{ query: '{ me { id } }' }, { query: '{ me { id } }' }]);
    const response = await fetch(school.api.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      errors: [{ message: 'Operation batching disabled.', extensions: { code: 'BAD_REQUEST' } }],
    });
  });

  it('several operations in one request fail each in a BatchHttpLink, whose error has that message in its result', async () => {
    const client = apolloBy(new BatchHttpLink({ uri: school.api.url, batchInterval: 5 }));
    for (const answer of await Promise.allSettled(
      [courseList, gql`{ me { id } }`].map(query => client.query({ query })),
    )) {
      expect(answer).toMatchObject({
        status: 'rejected',
        reason: {
          message: expect.stringContaining('results with length 1') as string,
          result: [{ errors: [{ message: 'Operation batching disabled.' }] }],
        },
      });
    }
  });
});
