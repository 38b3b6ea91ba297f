import { createHash } from 'node:crypto';
import { getNamedType, isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import { addCourse, addUser, startApi, type Api } from '../support/api.js';

const COURSE_PAGE =
  '{ courses(first: 5) { nodes { id title description totalEnrollments instructor { name } enrollmentsCount { count } enrollmentsByStatus { count } } pageInfo { hasNextPage } totalCount } }';

describe('an answer to GET', () => {
  let api: Api;
  let token: string;

  beforeAll(async () => {
    api = await startApi('sqlite');
    const teacher = await addUser(api.database, Role.TEACHER);
    token = await api.token(Role.TEACHER, teacher);
    await addCourse(api.database, { title: 'Algebra', instructor: teacher });
  });
  afterAll(() => api.stop());

  const get = (parameters: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${api.url}?${new URLSearchParams(parameters)}`, {
      headers: { 'apollo-require-preflight': '1', ...headers },
    });
  const cacheControl = async (query: string, headers?: Record<string, string>) =>
    (await get({ query }, headers)).headers.get('cache-control');
  const authorized = () => ({ authorization: `Bearer ${token}` });

  it('an answer to GET that is the same for everybody may be stored by all caches for a while', async () => {
    const response = await get({ query: COURSE_PAGE });
    expect(response.headers.get('cache-control')).toBe('public, max-age=10');
    expect(await response.json()).toMatchObject({
      data: { courses: { nodes: [{ title: 'Algebra' }], totalCount: 1 } },
    });
    expect(await cacheControl('{ course(id: 1) { title } }')).toBe('public, max-age=10');
    expect(await cacheControl('{ course(id: 999) { title } }')).toBe('public, max-age=10');
    expect(
      await cacheControl(
        '{ __typename courses { ...Page __typename } } fragment Page on CourseConnection { edges { node { id ... on Course { title __typename } } } }',
      ),
    ).toBe('public, max-age=10');
  });

  it('an answer to GET is cached by its own operation, whatever else its document contains', async () => {
    const document = 'query Public { courses { nodes { title } } } query Own { me { id } }';
    const asked = async (operationName: string) =>
      (await get({ query: document, operationName })).headers.get('cache-control');
    expect([await asked('Public'), await asked('Own'), await asked('Public')]).toEqual([
      'public, max-age=10',
      'private, no-cache',
      'public, max-age=10',
    ]);
  });

  it('an answer to GET is private only for the fields that the variables of the query select', async () => {
    const query =
      'query ($own: Boolean = false) { courses { nodes { title viewerEnrollment @include(if: $own) { id } } } }';
    const asked = async (variables?: object) =>
      (await get({ query, ...(variables && { variables: JSON.stringify(variables) }) })).headers.get('cache-control');
    for (let round = 0; round < 2; round += 1)
      expect([await asked(), await asked({ own: true }), await asked({ own: false })]).toEqual([
        'public, max-age=10',
        'private, no-cache',
        'public, max-age=10',
      ]);
  });

  it('no request gives the fields of the schema resolvers: what is compiled or shared sees by those what a field depends on', async () => {
    const plain = (): string[] =>
      Object.values(graphqlSchema().getTypeMap()).flatMap(type =>
        isObjectType(type) && !type.name.startsWith('__')
          ? Object.values(type.getFields()).flatMap(({ name, resolve }) => (resolve ? [] : [`${type.name}.${name}`]))
          : [],
      );
    const before = plain();
    expect(before).toContain('Course.title');
    for (const headers of [{}, authorized()])
      for (const query of [COURSE_PAGE, '{ me { id } }', '{ __schema { queryType { name } } }'])
        await get({ query, operationName: '' }, headers);
    expect(plain()).toEqual(before);
  });

  it('an answer to GET varies by the token, the media type, the encoding and the origin, and says so', async () => {
    const varied = (await get({ query: COURSE_PAGE })).headers.get('vary')!.toLowerCase().split(', ');
    expect(varied).toEqual(expect.arrayContaining(['authorization', 'accept', 'accept-encoding', 'origin']));
  });

  it('an answer to GET is private for every request with a token, whatever it asks for', async () => {
    for (const query of [COURSE_PAGE, '{ me { id } }', '{ __typename }'])
      expect(await cacheControl(query, authorized()), query).toBe('private, no-cache');
  });

  it.each([
    '{ me { id } }',
    '{ courses { nodes { title viewerEnrollment { id } } } }',
    '{ course(id: 1) { instructor { name email } } }',
    '{ courses { totalCount } me { id } }',
    '{ __schema { queryType { name } } }',
    '{ __typename }',
  ])(
    'an answer to GET is private where a field depends on the viewer, or does not say that it does not: %s',
    async query => {
      expect(await cacheControl(query)).toBe('private, no-cache');
    },
  );

  it.each([
    ['that field', '{ enrollments { totalCount } }'],
    ['a part', '{ course(id: 1) { title } other: course(id: "x") { id } }'],
    ['the query', '{ nothing }'],
  ])('an answer to GET is stored nowhere where %s has an error', async (_, query) => {
    const response = await get({ query });
    expect([response.headers.get('cache-control'), response.headers.get('etag')]).toEqual(['no-store', null]);
  });

  it('an answer to a rejected GET is stored nowhere', async () => {
    expect(await cacheControl(COURSE_PAGE, { authorization: 'Bearer no' })).toBe('no-store');
    expect(
      (await fetch(`${api.url}?${new URLSearchParams({ query: COURSE_PAGE })}`)).headers.get('cache-control'),
    ).toBe('no-store');
    expect(await cacheControl('mutation { deleteCourse(input: { id: 1 }) { deletedId } }', authorized())).toBe(
      'no-store',
    );
  });

  it('an answer to GET is 304 for a client that has the same, and complete again once it has changed', async () => {
    for (const headers of [{}, authorized()]) {
      const first = await get({ query: COURSE_PAGE }, headers);
      const tag = first.headers.get('etag')!;
      expect(tag).toMatch(/^W\/"/);
      for (const known of [tag, tag.slice(2), `"other", ${tag}`, '*']) {
        const again = await get({ query: COURSE_PAGE }, { ...headers, 'if-none-match': known });
        expect(again.headers.get('vary')).toBe(first.headers.get('vary'));
        expect([
          again.status,
          await again.text(),
          again.headers.get('etag'),
          again.headers.get('cache-control'),
          again.headers.get('content-type'),
        ]).toEqual([304, '', tag, first.headers.get('cache-control'), null]);
      }
      expect((await get({ query: COURSE_PAGE }, { ...headers, 'if-none-match': '"other"' })).status).toBe(200);
      await addCourse(api.database);
      const changed = await get({ query: COURSE_PAGE }, { ...headers, 'if-none-match': tag });
      expect([changed.status, changed.headers.get('etag') === tag]).toEqual([200, false]);
    }
  });

  it('an answer to POST is stored nowhere and has no tag', async () => {
    for (const query of [COURSE_PAGE, 'mutation { deleteCourse(input: { id: 999 }) { userErrors { code } } }']) {
      const response = await fetch(api.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'if-none-match': '*' },
        body: JSON.stringify({ query }),
      });
      expect([response.status, response.headers.get('cache-control'), response.headers.get('etag')]).toEqual([
        200,
        'no-store',
        null,
      ]);
    }
  });

  const persisted = (query: string, hash = createHash('sha256').update(query).digest('hex')) =>
    JSON.stringify({ persistedQuery: { version: 1, sha256Hash: hash } });

  it('a GET by the hash of its query is answered once the query was sent', async () => {
    const query = '{ courses(first: 1) { nodes { title } } }';
    const extensions = persisted(query);
    const unknown = await get({ extensions });
    expect([unknown.headers.get('cache-control'), await unknown.json()]).toEqual([
      'no-store',
      { errors: [expect.objectContaining({ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } })] },
    ]);
    expect((await get({ query, extensions })).status).toBe(200);
    const known = await get({ extensions });
    expect([known.headers.get('cache-control'), await known.json()]).toEqual([
      'public, max-age=10',
      { data: { courses: { nodes: [{ title: 'Algebra' }] } } },
    ]);
    expect((await get({ query: '{ __typename }', extensions })).status).toBe(400);
  });

  it('persisted queries take bounded memory: the least recently used one is forgotten', async () => {
    const long = (index: number) => `{ __typename } # ${String(index).padStart(3, '0').repeat(43_000)}`;
    const send = (query: string | undefined, of: number) =>
      fetch(api.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, extensions: JSON.parse(persisted(long(of))) as object }),
      });
    const isKnown = async (index: number) =>
      !(await (await send(undefined, index)).text()).includes('PERSISTED_QUERY_NOT_FOUND');
    for (let index = 0; index < 70; index += 1) expect((await send(long(index), index)).status).toBe(200);
    expect([await isKnown(0), await isKnown(69)]).toEqual([false, true]);
  });
});

it('shared caches may store only these fields, and no others', () => {
  const fields = Object.values(graphqlSchema().getTypeMap()).flatMap(type => {
    if (!isObjectType(type) || !type.astNode?.directives?.some(isPublic)) return [];
    // The type of its objects decides about a field with objects.
    return Object.values(type.getFields())
      .filter(field => !field.astNode?.directives?.length && !isObjectType(getNamedType(field.type)))
      .map(field => `${type.name}.${field.name}`);
  });
  // Before you add another one here: everybody must see it as an anonymous viewer does.
  expect(fields.toSorted()).toEqual([
    'Count.count',
    'Count.precision',
    'Course.activeEnrollments',
    'Course.capacity',
    'Course.createdAt',
    'Course.description',
    'Course.id',
    'Course.isPublished',
    'Course.status',
    'Course.title',
    'Course.totalEnrollments',
    'Course.updatedAt',
    'CourseConnection.totalCount',
    'CourseEdge.cursor',
    'EnrollmentStatusCount.count',
    'EnrollmentStatusCount.status',
    'PageInfo.endCursor',
    'PageInfo.hasNextPage',
    'PageInfo.hasPreviousPage',
    'PageInfo.startCursor',
    'User.id',
    'User.name',
    'User.role',
  ]);
});

function isPublic(directive: { readonly name: { readonly value: string } }): boolean {
  return directive.name.value === 'cacheControl';
}
