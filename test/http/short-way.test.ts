import { createHash } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { Role } from '../../src/entities/index.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import { startServer, type RunningServer } from '../../src/http/server.js';
import { shortAnswers } from '../../src/http/short-way/short-way.js';
import { Random } from '../../src/tools/sample-data/random.js';
import { newSchool, type Viewers } from '../graphql/authorization/world.js';
import { addCourse, addUser, amplePoints, anyLoad, startApi, storedAndActual, type Api } from '../support/api.js';
import { describeOnFirstThree } from '../support/databases.js';
import { randomOperation } from '../support/random-operations.js';

/** The number of random queries that are sent both ways on SQLite; on the servers, a fifth. */
const QUERIES = Number(process.env['SHORT_WAY_QUERIES'] ?? 400);

/** The headers that differ between two answers to the same request. */
const OWN_HEADERS = ['date', 'x-request-id', 'ratelimit', 'keep-alive'];

interface Sent {
  readonly method?: 'GET' | 'POST';
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

describeOnFirstThree('an operation that is answered the short way', kind => {
  let api: Api;
  let longWay: RunningServer;
  let viewers: Viewers;
  let taken = 0;
  const tokens = new Map<string, string | null>();
  let admin: string;
  const count = (): void => void (taken += 1);

  beforeAll(async () => {
    api = await startApi(kind);
    const config = readConfig({
      DATABASE_URL: api.databaseUrl,
      PORT: '0',
      HOST: '127.0.0.1',
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      USER_CHECK_SECONDS: '3600',
      ...amplePoints,
    });
    longWay = await startServer({
      config,
      database: api.database,
      logger: pino({ level: 'silent' }),
      thresholds: anyLoad,
      knownOperations: null,
    });
    viewers = await newSchool(api);
    for (const [name, viewer] of Object.entries(viewers)) {
      const token = viewer && (await api.token(viewer.role, viewer.userId));
      tokens.set(name, token);
      // From now on, the server knows the viewer.
      await api.send(token, '{ __typename }');
    }
    admin = await api.token(Role.ADMIN, null);
    await api.send(admin, '{ __typename }');
    shortAnswers.subscribe(count);
  });
  afterAll(async () => {
    shortAnswers.unsubscribe(count);
    await longWay.close();
    await api.stop();
  });

  async function answerOf(url: string, token: string | null, { method = 'POST', body, headers = {} }: Sent) {
    const search = new URLSearchParams(
      Object.entries(body).map(([name, value]): [string, string] => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    );
    const response = await fetch(method === 'GET' ? `${url}?${search}` : url, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(method === 'POST' && { body: JSON.stringify(body) }),
    });
    const text = (await response.text()).replaceAll(/Its id in the log is [\w-]+|"left":\d+/g, '…');
    const head = [...response.headers].filter(([name]) => !OWN_HEADERS.includes(name));
    return { status: response.status, head, text };
  }

  /** Sends a request both ways, and returns the answer, which is the same, and whether the short way was taken. */
  async function both(token: string | null, sent: Sent) {
    const expected = await answerOf(longWay.url, token, sent);
    const before = taken;
    const answer = await answerOf(api.url, token, sent);
    expect(answer).toEqual(expected);
    return { ...answer, isShort: taken > before };
  }

  it('random queries of every kind of viewer have the same answers both ways', async () => {
    const random = new Random(7);
    const rows = await api.database.em.getConnection().execute<{ id: number }[]>('select id from core_course');
    const ids = [...rows.map(({ id }) => Number(id)), 1, 2, 3, 999_999];
    const material = {
      schema: graphqlSchema(),
      random,
      depth: 5,
      scalar: (coordinate: string, type: string): unknown => {
        if (type === 'ID' || /Id$|Ids$|\.ids$/.test(coordinate)) return String(random.pick(ids));
        if (/\((?:after|before):\)$/.test(coordinate)) return random.chance(0.8) ? null : 'AAAA';
        if (/\((?:first|last):\)$/.test(coordinate)) return random.below(8);
        return undefined;
      },
    };
    let short = 0;
    for (let index = 0; index < (kind === 'sqlite' ? QUERIES : QUERIES / 5); index += 1) {
      const { text } = randomOperation(material, 'query');
      const [name] = random.shuffled([...tokens.keys()]);
      if ((await both(tokens.get(name!)!, { body: { query: text } })).isShort) short += 1;
    }
    expect(short).toBeGreaterThan(QUERIES / 20);
  });

  it.each<[string, Sent]>([
    [
      'variables',
      {
        body: {
          query: 'query ($n: Int, $a: String) { courses(first: $n, after: $a) { nodes { id title } } }',
          variables: { n: 3, a: null },
        },
      },
    ],
    ['a default value', { body: { query: 'query ($n: Int = 2) { courses(first: $n) { nodes { id } } }' } }],
    ['an undeclared variable', { body: { query: '{ courses { nodes { id } } }', variables: { other: 1 } } }],
    [
      'the name of its operation',
      { body: { query: 'query Name { courses { nodes { id } } }', operationName: 'Name' } },
    ],
    ['a malformed cursor', { body: { query: '{ courses(after: "AAAA") { nodes { id } } }' } }],
    [
      'a bad id as a variable',
      { body: { query: 'query ($id: ID!) { course(id: $id) { id } }', variables: { id: 'x' } } },
    ],
    ['a field that is not allowed', { body: { query: '{ courses { nodes { id enrollments { nodes { id } } } } }' } }],
    [
      'skipped fields',
      {
        body: {
          query:
            'query ($s: Boolean!) { courses { nodes { id title @skip(if: $s) ... @include(if: $s) { status } } } }',
          variables: { s: true },
        },
      },
    ],
    [
      'aliases and fragments',
      {
        body: {
          query:
            '{ a: courses(first: 1) { ...F } b: courses(last: 1) { ...F } } fragment F on CourseConnection { nodes { id again: id __typename } }',
        },
      },
    ],
    ['GET', { method: 'GET', body: { query: '{ courses { nodes { id title totalEnrollments } } }' } }],
    [
      'GET of what caches may not store',
      { method: 'GET', body: { query: '{ courses { nodes { id viewerEnrollment { id } } } }' } },
    ],
    ['GET of an error', { method: 'GET', body: { query: '{ courses(first: 1000) { nodes { id } } }' } }],
    [
      'an Accept header',
      { body: { query: '{ courses { nodes { id } } }' }, headers: { accept: 'application/graphql-response+json' } },
    ],
    [
      'a page as the preferred answer',
      { body: { query: '{ courses { nodes { id } } }' }, headers: { accept: 'text/html' } },
    ],
    ['an origin', { body: { query: '{ courses { nodes { id } } }' }, headers: { origin: 'https://example.org' } }],
    [
      'no compression',
      { body: { query: '{ courses { nodes { id description title } } }' }, headers: { 'accept-encoding': 'identity' } },
    ],
    [
      'a request for its cost',
      { body: { query: '{ courses { nodes { id } } }' }, headers: { 'graphql-cost-debug': '1' } },
    ],
  ])('a query with %s has the same answer both ways, the first time and again', async (_, sent) => {
    for (const token of [null, ...tokens.values()]) {
      await both(token, sent);
      await both(token, sent);
    }
  });

  it.each(['br', 'gzip', 'gzip, deflate', 'gzip, deflate, br', 'deflate', 'gzip;q=0.5, br;q=0.1', '*'])(
    'a large answer is compressed alike both ways for the encodings %s',
    async encodings => {
      const query = `{ courses(first: 100) { nodes { id title description status createdAt updatedAt ${'a b c d e f g h'
        .split(' ')
        .map(name => `${name}: title`)
        .join(' ')} } } }`;
      const { text } = await both(null, { body: { query }, headers: { 'accept-encoding': encodings } });
      expect(text.length).toBeGreaterThan(1400);
    },
  );

  it('a client that has the same answer already gets 304 both ways', async () => {
    const sent: Sent = { method: 'GET', body: { query: '{ courses { nodes { id title } } }' } };
    for (const token of [null, admin]) {
      const { head } = await both(token, sent);
      const { etag } = Object.fromEntries(head) as { etag: string };
      expect(await both(token, { ...sent, headers: { 'if-none-match': etag } })).toMatchObject({
        status: 304,
        isShort: true,
      });
      expect(await both(token, { ...sent, headers: { 'if-none-match': 'W/"other"' } })).toMatchObject({
        status: 200,
        isShort: true,
      });
    }
  });

  it.each(['GET', 'POST'] as const)(
    'a persisted query by %s has the same answers both ways, and is answered the short way once its hash was used',
    async method => {
      const query = `{ courses { nodes { id title } } } # ${method}`;
      const extensions = {
        persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') },
      };
      expect((await both(null, { method, body: { extensions } })).text).toContain('PERSISTED_QUERY_NOT_FOUND');
      // A text that was sent without its hash is not a persisted query.
      await both(null, { method, body: { query } });
      expect((await both(null, { method, body: { extensions } })).text).toContain('PERSISTED_QUERY_NOT_FOUND');
      await both(null, { method, body: { query, extensions } });
      await both(null, { method, body: { extensions } });
      expect(await both(null, { method, body: { extensions } })).toMatchObject({ status: 200, isShort: true });
    },
  );

  it.each([
    'mutation ($course: ID!, $student: ID!) { enroll(input: { courseId: $course, studentId: $student }) { enrollment { id } userErrors { code message } } }',
    'mutation ($course: ID!, $student: ID!) { a: enroll(input: { courseId: $course, studentId: $student }) { userErrors { code field } } b: unenroll(input: { enrollmentId: $course }) { userErrors { code } } }',
    'mutation ($input: UpdateCourseInput!) { updateCourse(input: $input) { course { id } userErrors { code message field } } }',
    'mutation { createCourse(input: { title: "" }) { course { id } userErrors { code message } } }',
    'mutation { verifyEnrollmentCounts { ok } }',
    'mutation { unenroll(input: { enrollmentId: "x" }) { userErrors { code } } }',
  ])('a mutation that changes nothing has the same answer both ways, for every kind of viewer: %s', async query => {
    const variables = { course: '999998', student: '999999', input: { id: '999998', title: 'Other' } };
    for (const token of [null, ...tokens.values()]) {
      await both(token, { body: { query, variables } });
      expect(await both(token, { body: { query, variables } })).toMatchObject({ isShort: true });
    }
  });

  it('a change has the same answer both ways, and is made once', async () => {
    const course = await addCourse(api.database);
    const enroll = `mutation ($courseId: ID!, $studentId: ID!) {
      enroll(input: { courseId: $courseId, studentId: $studentId }) {
        enrollment { status course { id title totalEnrollments } student { role } }
        userErrors { code }
      }
    }`;
    const answers = [];
    for (const url of [longWay.url, api.url, longWay.url, api.url]) {
      const variables = { courseId: course, studentId: await addUser(api.database, Role.STUDENT) };
      const { status, head, text } = await answerOf(url, admin, { body: { query: enroll, variables } });
      answers.push({ status, head, text: text.replace(/"totalEnrollments":\d+/, '') });
      expect(text).toContain(`"totalEnrollments":${answers.length}}`);
    }
    expect(new Set(answers.map(answer => JSON.stringify(answer))).size).toBe(1);
    expect((await storedAndActual(api.database)).filter(({ id }) => id === course)).toEqual([
      { id: course, stored: [4, 4], actual: [4, 4] },
    ]);
  });

  it('a mutation by GET changes nothing, and has the same answer both ways', async () => {
    const query =
      'mutation { createUser(input: { name: "A", email: "a@example.org", role: STUDENT }) { user { id } } }';
    expect(await both(admin, { method: 'GET', body: { query } })).toMatchObject({
      status: 405,
      isShort: false,
    });
  });

  it.each([
    '{ __schema { types { name } } }',
    '{ courses { nodes { nothing } } }',
    'query A { __typename } query B { __typename }',
  ])('what is no query of data, or none at all, is answered the long way: %s', async query => {
    expect(await both(null, { body: { query } })).toMatchObject({ isShort: false });
  });
});
