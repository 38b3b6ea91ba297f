import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addCourse, startApi, type Api } from '../support/api.js';
import { allRows } from '../support/rows.js';

const INTROSPECTION = '{ __schema { queryType { name } } __type(name: "Course") { fields { name } } }';

describe('the server over HTTP', () => {
  let api: Api;
  let origin: string;

  beforeAll(async () => {
    api = await startApi('sqlite');
    origin = new URL(api.url).origin;
    await addCourse(api.database, { title: 'Algebra' });
  });
  afterAll(() => api.stop());

  const post = (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    fetch(api.url, { method: 'POST', headers, body });
  const get = (query: string, headers: Record<string, string> = { 'apollo-require-preflight': 'true' }) =>
    fetch(`${api.url}?${new URLSearchParams({ query })}`, { headers });

  it('the server is alive at /healthz', async () => {
    const response = await fetch(`${origin}/healthz`);
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
  });

  it('the server has no other pages', async () => {
    expect((await fetch(`${origin}/`)).status).toBe(404);
    expect((await fetch(`${origin}/graphql/x`)).status).toBe(404);
    expect((await fetch(api.url, { method: 'DELETE' })).status).toBe(405);
  });

  it('the server answers a query by GET', async () => {
    const response = await get('{ courses { nodes { title } } }');
    expect([response.status, await response.json()]).toEqual([
      200,
      { data: { courses: { nodes: [{ title: 'Algebra' }] } } },
    ]);
    expect(response.headers.get('content-type')).toMatch(/^application\/(json|graphql-response\+json)/);
  });

  it('the server accepts no mutation by GET', async () => {
    const before = await allRows(api.database);
    const mutation = 'mutation { createCourse(input: { title: "New" }) { course { id } } }';
    const response = await get(mutation, {
      'apollo-require-preflight': 'true',
      authorization: `Bearer ${await api.token(Role.ADMIN, null)}`,
    });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await allRows(api.database)).toEqual(before);
  });

  it('the server accepts nothing that a form on another site could send', async () => {
    const unasked = await get('{ courses { totalCount } }', {});
    // Apollo's message ends with a line break, which no reader should see, as a character or as an escape.
    expect([unasked.status, await unasked.text()]).toEqual([
      400,
      expect.stringMatching(/apollo-require-preflight","extensions"/),
    ]);
    const body = JSON.stringify({ query: '{ courses { totalCount } }' });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const response = await post(body, { 'content-type': type });
      expect(response.status, type).toBeGreaterThanOrEqual(400);
      expect(await response.text()).not.toContain('totalCount"');
    }
  });

  it('the server accepts a body up to 1 MiB and rejects a larger one with 413', async () => {
    const padded = (size: number) => {
      const empty = JSON.stringify({ query: '{ courses { totalCount } }', variables: { pad: '' } });
      return JSON.stringify({
        query: '{ courses { totalCount } }',
        variables: { pad: 'x'.repeat(size - empty.length) },
      });
    };
    expect(await (await post(padded(1_048_576))).json()).toEqual({ data: { courses: { totalCount: 1 } } });
    const refused = await post(padded(1_048_577));
    expect(refused.status).toBe(413);
    expect(await (await post('{"query":"{ courses { totalCount } }"}')).json()).toEqual({
      data: { courses: { totalCount: 1 } },
    });
  });

  it.each([
    ['no JSON', '{'],
    ['no query', '{}'],
    ['a query that is no text', '{"query":1}'],
    ['an empty list', '[]'],
    ['a list of queries', '[{"query":"{ me { id } }"},{"query":"{ me { id } }"}]'],
    ['variables that are no object', '{"query":"{ me { id } }","variables":"x"}'],
    ['null', 'null'],
    ['nothing', ''],
  ])('the server rejects a body with %s and shows no stack', async (_, body) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.text()).not.toMatch(/node_modules|\.js:|\.ts:|stack/);
  });

  it('the server describes its schema outside production', async () => {
    const { data } = await api.send(null, INTROSPECTION);
    expect(data.__schema.queryType.name).toBe('Query');
    expect(data.__type.fields.map(({ name }: { name: string }) => name)).toContain('totalEnrollments');
  });
});

describe('the server in production', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite', {
      env: { NODE_ENV: 'production', JWT_SECRET: 'a secret of this test, more than thirty-two bytes' },
    });
  });
  afterAll(() => api.stop());

  it('the server does not describe its schema in production', async () => {
    const { data, errors, status } = await api.send(await api.token(Role.ADMIN, null), INTROSPECTION);
    expect([status, data, [...new Set(errors?.map(({ extensions }) => extensions.code))]]).toEqual([
      400,
      undefined,
      ['GRAPHQL_VALIDATION_FAILED'],
    ]);
    expect((await api.send(null, '{ __typename courses { totalCount } }')).data).toEqual({
      __typename: 'Query',
      courses: { totalCount: 0 },
    });
  });

  it('the server sends no page of a development tool to a browser in production', async () => {
    const page = await (await fetch(api.url, { headers: { accept: 'text/html' } })).text();
    expect(page).not.toMatch(/sandbox/i);
  });
});
