import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { isNestedDeeper } from '../../src/http/answers/json-body.js';
import { MAX_LIST_VALUES, MAX_VARIABLE_ERRORS } from '../../src/graphql/documents/variables.js';
import { addUser, startApi, type Api } from '../support/api.js';
import { endpoints, type Endpoint, type SentBody } from '../support/every-endpoint.js';
import { keptLog } from '../support/log-lines.js';

const times = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => make(index)).join(' ');
const head = { query: 'query', subscription: 'subscription' } as const;
const field = { query: 'courses { totalCount }', subscription: 'courseCountsChanged { courseId }' } as const;

/** Returns requests that every endpoint must reject quickly: the body, and the code of the rejection. */
function hostile({ root, room }: Endpoint): [what: string, body: SentBody, code: string, errors: number][] {
  const size = (each: number) => Math.floor(room / each / 2);
  const ids = {
    query: 'query ($ids: [ID!]) { courses(filter: { ids: $ids }) { totalCount } }',
    subscription: 'subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId } }',
  }[root];
  return [
    [
      'a list of wrong values',
      { query: ids, variables: { ids: Array.from({ length: Math.min(size(8), MAX_LIST_VALUES) }, () => true) } },
      'BAD_USER_INPUT',
      MAX_VARIABLE_ERRORS + 1,
    ],
    [
      'an object with unknown fields',
      {
        query: ids,
        variables: { ids: Object.fromEntries(Array.from({ length: size(24) }, (_, index) => [`f${index}`, 1])) },
      },
      'BAD_USER_INPUT',
      1,
    ],
    [
      'a list within lists',
      { query: ids, variables: JSON.parse(`{"ids":${'['.repeat(150)}${']'.repeat(150)}}`) as object },
      'BAD_USER_INPUT',
      1,
    ],
    [
      'aliases',
      { query: `${head[root]} { ${times(51, index => `a${index}: ${field[root]}`)} }` },
      'QUERY_TOO_MANY_ALIASES',
      1,
    ],
    ['directives', { query: `${head[root]} { ${field[root]} ${times(60, () => '@aa')} }` }, 'GRAPHQL_PARSE_FAILED', 1],
    [
      'directives at one place',
      { query: `${head[root]} { ${field[root].replace(' {', ` ${'@aa '.repeat(60)} {`)} }` },
      'QUERY_TOO_MANY_DIRECTIVES',
      1,
    ],
    [
      'unknown fields',
      { query: `${head[root]} { ${times(1000, index => `f${index}`)} }` },
      'GRAPHQL_VALIDATION_FAILED',
      MAX_VARIABLE_ERRORS + 1,
    ],
    ['a name', { query: `${head[root]} ${'N'.repeat(size(4))} { ${field[root]} }` }, 'QUERY_TOO_LONG', 1],
    ['one field many times', { query: `${head[root]} { ${field[root].repeat(120)} }` }, 'QUERY_TOO_COSTLY', 1],
    [
      'lists in the operation',
      { query: `${head[root]} { x(y: ${'['.repeat(1100)}${']'.repeat(1100)}) }` },
      'QUERY_TOO_DEEP',
      1,
    ],
    ['more tokens than are allowed', { query: `${head[root]} { ${'a '.repeat(5000)} }` }, 'GRAPHQL_PARSE_FAILED', 1],
    [
      'a name of an operation that is not there',
      {
        query: `${head[root]} A { ${field[root]} } ${head[root]} B { ${field[root]} }`,
        operationName: 'N'.repeat(size(4)),
      },
      'OPERATION_RESOLUTION_FAILURE',
      1,
    ],
  ];
}

describe.each(endpoints)('a request to $name that is much longer than useful', endpoint => {
  const log = keptLog();
  let api: Api;
  let tokens: (string | null)[];

  beforeAll(async () => {
    api = await startApi('sqlite', { logger: log.logger });
    tokens = [
      null,
      await api.token(Role.STUDENT, await addUser(api.database, Role.STUDENT)),
      await api.token(Role.ADMIN, null),
    ];
  });
  afterAll(() => api.stop());

  it.each(hostile(endpoint))(
    'a request that is much longer than useful is rejected with a code, in a short answer, without a statement, and without an internal error: %s',
    async (_, body, code, errors) => {
      for (const token of tokens) {
        log.clear();
        let answer!: Awaited<ReturnType<typeof endpoint.send>>;
        const statements = await api.statements(async () => (answer = await endpoint.send(api, body, token)));
        expect(answer.errors.map(({ extensions }) => extensions.code)).toEqual(
          Array.from({ length: errors }, () => code),
        );
        expect(answer.text.length).toBeLessThan(20_000);
        expect(statements).toEqual([]);
        expect(log.lines().filter(({ level, err }) => level >= 40 || err !== undefined)).toEqual([]);
      }
    },
  );
});

describe('a body', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite');
  });
  afterAll(() => api.stop());

  it.each(['/graphql', '/graphql/stream'])(
    'a body whose lists or objects are nested deeper than any request is rejected before it is parsed: %s',
    async path => {
      const answered = async (body: string) => {
        const response = await fetch(new URL(path, api.url), {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'text/event-stream, application/json' },
          body,
        });
        return [
          response.status,
          ((await response.json()) as { errors: { message: string; extensions: object }[] }).errors[0],
        ];
      };
      const refusal = {
        message: 'The body has lists or objects more than 200 deep within each other, and 200 are allowed.',
        extensions: { code: 'BAD_REQUEST' },
      };
      expect(await answered('['.repeat(1_000_000))).toEqual([400, refusal]);
      expect(
        await answered(`{"query":"{ __typename }","extensions":${'{"a":'.repeat(200)}1${'}'.repeat(200)}}`),
      ).toEqual([400, refusal]);
    },
  );

  it('a body that is not UTF-8 is rejected, since a lost character would be stored as another one', async () => {
    for (const body of [
      Buffer.from('{"query":"{ courses(filter: { title: { eq: \\"é\\" } }) { totalCount } }"}', 'latin1'),
      Buffer.from('{"query":"{ me { id } }"}', 'utf16le'),
    ]) {
      const response = await fetch(api.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json; charset=latin1' },
        body,
      });
      expect([
        response.status,
        ((await response.json()) as { errors: { extensions: object }[] }).errors[0]!.extensions,
      ]).toEqual([400, { code: 'BAD_REQUEST' }]);
    }
  });

  it('a body may have brackets in its texts, and many lists beside each other', async () => {
    const body = {
      query: `{ courses(filter: { title: { eq: ${JSON.stringify(`\\"${'[{'.repeat(100)}`)} } }) { totalCount } }`,
      variables: { beside: Array.from({ length: 1000 }, () => [{}]) },
    };
    const response = await fetch(api.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(await response.json()).toEqual({ data: { courses: { totalCount: 0 } } });
  });

  it('the nesting of a body is counted by its brackets', () => {
    expect([
      isNestedDeeper('[{"a":[]}]', 3),
      isNestedDeeper('[{"a":[]}]', 2),
      isNestedDeeper('["\\"[[[","\\\\",[]]', 2),
      isNestedDeeper('["\\\\",[[', 2),
    ]).toEqual([false, true, false, true]);
  });
});

describe('a hash of a persisted query', () => {
  const log = keptLog();
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite', { logger: log.logger });
  });
  afterAll(() => api.stop());

  it.each([[{ toString: 1 }], [[]], [5], [null], [{}], [true]])(
    'a hash of a persisted query that is not a text is treated as unknown: %j',
    async sha256Hash => {
      const response = await fetch(api.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash } } }),
      });
      expect([response.status, await response.json()]).toEqual([
        200,
        { errors: [{ message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }] },
      ]);
      expect(log.lines().filter(({ level }) => level >= 40)).toEqual([]);
    },
  );

  it('a hash of a persisted query is not registered with a rejected operation', async () => {
    const query = `{ ${times(51, index => `a${index}: __typename`)} }`;
    const { createHash } = await import('node:crypto');
    const extensions = { persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') } };
    const codeOf = async (body: object) =>
      (
        (await (
          await fetch(api.url, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          })
        ).json()) as { errors: { extensions: { code: string } }[] }
      ).errors[0]!.extensions.code;
    expect(await codeOf({ query, extensions })).toBe('QUERY_TOO_MANY_ALIASES');
    expect(await codeOf({ extensions })).toBe('PERSISTED_QUERY_NOT_FOUND');
  });
});
