import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addCourse, addEnrollment, addUser, startApi, type Answer, type Api } from '../support/api.js';
import { protocols, subscribeBy } from '../support/live-clients.js';

describe('an operation', () => {
  let api: Api;
  let admin: string;
  let course: number;

  beforeAll(async () => {
    api = await startApi('sqlite', { env: { MAX_DEPTH: '6', MAX_COST: '1000' } });
    admin = await api.token(Role.ADMIN, null);
    course = await addCourse(api.database, { instructor: await addUser(api.database, Role.TEACHER) });
    await addEnrollment(api.database, course, await addUser(api.database, Role.STUDENT));
  });
  afterAll(() => api.stop());

  /**
   * Returns the code and the message of a rejection, with the SQL statements that were sent; null if the operation is
   * answered.
   */
  async function refusal(query: string, variables: object = {}): Promise<(string | string[] | undefined)[] | null> {
    let answer!: Answer;
    const statements = await api.statements(async () => (answer = await api.send(admin, query, variables)));
    if (!answer.errors) return null;
    expect([answer.status, answer.errors.length, answer.data]).toEqual([400, 1, undefined]);
    return [answer.errors[0]!.extensions.code, answer.errors[0]!.message, statements];
  }

  const tooDeep = (depth: number) => [
    'QUERY_TOO_DEEP',
    `The operation is ${depth} fields deep, and 6 are allowed. Ask for what is further down in an operation of its own, by its id.`,
    [],
  ];
  const tooCostly = (cost: number, field = 'Query.courses', share = cost) => [
    'QUERY_TOO_COSTLY',
    `The operation can cost ${cost}, and 1000 is allowed. The most of it, ${share}, is for "${field}". Ask for smaller pages by "first", or for less at once.`,
    [],
  ];

  it('an operation runs at the maximum depth, and is rejected beyond it before anything runs', async () => {
    const [allowed, refused] = [
      'instructor { enrollments { totalCount } }',
      'instructor { enrollments { nodes { id } } }',
    ];
    expect(await refusal(`{ courses { edges { node { ${allowed} } } } }`)).toBeNull();
    expect(await refusal(`{ courses { edges { node { ${refused} } } } }`)).toEqual(tooDeep(7));
  });

  it('an operation is as deep through fragments as without', async () => {
    const fragments =
      'fragment Course on Course { instructor { ...User } } fragment User on User { ... on User { enrollments { nodes { id } } } }';
    expect(await refusal(`{ courses { edges { node { ...Course } } } } ${fragments}`)).toEqual(tooDeep(7));
    expect(await refusal(`{ courses { nodes { ...Course } } } ${fragments}`)).toBeNull();
  });

  it('an operation runs at the maximum cost, and is rejected beyond it before anything runs', async () => {
    const values = (count: number) => Array.from({ length: count }, (_, index) => `v${index}: title`).join(' ');
    expect(await refusal(`{ courses(first: 100) { nodes { ${values(8)} } pageInfo { endCursor } } }`)).toEqual(
      tooCostly(1101),
    );
    expect(await refusal(`{ courses(first: 99) { nodes { ${values(9)} } } }`)).toBeNull();
    expect(await refusal(`{ courses(first: 100) { nodes { ${values(9)} } } }`)).toEqual(tooCostly(1001));
  });

  it('an operation costs as many rows as its variables ask for, and the default page without them', async () => {
    const query =
      'query ($first: Int, $last: Int) { courses(first: $first, last: $last) { nodes { title enrollments { nodes { id } } } } }';
    expect(await refusal(query, { first: 23 })).toBeNull();
    expect(await refusal(query, { first: 24 })).toEqual(tooCostly(1 + 24 * 43));
    expect(await refusal(query, { last: 50 })).toEqual(tooCostly(1 + 50 * 43));
    expect(await refusal(query)).toBeNull();
    expect(
      await refusal(
        'query ($first: Int = 60) { courses(first: $first) { nodes { title enrollments { nodes { id } } } } }',
      ),
    ).toEqual(tooCostly(1 + 60 * 43));
  });

  it('an operation costs for each alias and each use of a fragment', async () => {
    const page = 'courses(first: 100) { nodes { id title } }';
    expect(await refusal(`{ a: ${page} b: ${page} c: ${page} }`)).toBeNull();
    expect(await refusal(`{ a: ${page} b: ${page} c: ${page} d: ${page} }`)).toEqual(
      tooCostly(1204, 'Query.courses', 301),
    );
    expect(
      await refusal(
        `{ ...P ...Q } fragment P on Query { a: ${page} b: ${page} } fragment Q on Query { c: ${page} d: ${page} }`,
      ),
    ).toEqual(tooCostly(1204, 'Query.courses', 301));
  });

  it('an operation does not cost the fields that it skips', async () => {
    const query =
      'query ($all: Boolean!) { courses(first: 100) { nodes { id enrollments @include(if: $all) { nodes { id } } } } }';
    expect(await refusal(query, { all: false })).toBeNull();
    expect(await refusal(query, { all: true })).toEqual(tooCostly(4301));
  });

  it('an operation costs more for computed counts, and for each mutation', async () => {
    expect(await refusal('{ courses(first: 50) { nodes { totalEnrollments activeEnrollments } } }')).toBeNull();
    // An empty table counts as one of 16 rows, each of which costs 0.03.
    expect(await refusal('{ courses(first: 100) { nodes { enrollmentsCount { count } } } }')).toEqual(
      tooCostly(1302, 'Query.courses', 1301),
    );
    const rename = `updateCourse(input: { id: ${course}, title: "New" }) { course { title } }`;
    expect(await refusal(`mutation { ${rename} }`)).toBeNull();
    expect(await refusal(`mutation { a: ${rename} b: ${rename} }`)).toEqual(
      tooCostly(1004, 'Mutation.updateCourse', 502),
    );
    const many =
      'mutation ($ids: [ID!]!) { enrollMany(input: { courseId: 999, studentIds: $ids }) { enrollments { id status student { name } } } }';
    expect(await refusal(many, { ids: ['1'] })).toBeNull();
    expect(await refusal(many, { ids: Array.from({ length: 1000 }, (_, index) => index + 1) })).toEqual([
      'QUERY_TOO_COSTLY',
      'The operation can cost 14700, and 1000 is allowed. The most of it, 10000, is for "Mutation.enrollMany". Name fewer students at once.',
      [],
    ]);
  });

  it('an operation with an impossible argument is rejected as a whole, so that nothing costly passes with it', async () => {
    const query = `query ($id: ID = "1") { course(id: $id) { id } ${Array.from({ length: 9 }, (_, index) => `a${index}: courses(first: 100) { nodes { id title } }`).join(' ')} }`;
    expect(await refusal(query, { id: null })).toEqual([
      'BAD_USER_INPUT',
      expect.stringMatching(/^Argument "id" of non-null type "ID!"/),
      [],
    ]);
    expect(await refusal(query, { id: [1, 2] })).toEqual([
      'BAD_USER_INPUT',
      expect.stringMatching(/^Variable "\$id" got invalid value/),
      [],
    ]);
  });

  it('a subscription is rejected too, by the cost of its first messages', async () => {
    const query =
      'subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId course { id title enrollments { nodes { id } } } } }';
    for (const protocol of protocols) {
      const told = async (sent: string, courseIds: number[]) => {
        const client = subscribeBy(protocol, api.url, { query: sent, courseIds, token: admin });
        // By WebSocket an error is thrown, by events it is in a message.
        const { errors } = await client
          .next()
          .catch((thrown: unknown) => ({ errors: thrown as { message: string; extensions: { code: string } }[] }));
        client.close();
        return errors && [errors[0]!.extensions.code, errors[0]!.message, []];
      };
      expect(await told(query, [course])).toBeUndefined();
      expect(
        await told(
          query,
          Array.from({ length: 22 }, () => course),
        ),
      ).toEqual(tooCostly(22 * 46 + 2, 'Subscription.courseCountsChanged'));
      expect(
        await told(
          'subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { course { enrollments { nodes { student { enrollments { totalCount } } } } } } }',
          [course],
        ),
      ).toEqual(tooDeep(7));
    }
  });
});

describe('a server with the default limits', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite');
  });
  afterAll(() => api.stop());

  const run = async (query: string) =>
    (await api.send(await api.token(Role.ADMIN, null), query)).errors?.map(({ message }) => message);

  it.each([
    [
      'a page of courses with all that they have',
      '{ courses(first: 100) { totalCount pageInfo { endCursor hasNextPage } edges { cursor node { id title description status isPublished capacity totalEnrollments activeEnrollments createdAt updatedAt instructor { id name email role } enrollmentsCount { count precision } active: enrollmentsCount(status: [ACTIVE]) { count } enrollmentsByStatus { status count } viewerEnrollment { id } } } } }',
    ],
    [
      'a hundred courses with twenty enrollments each',
      '{ courses(first: 100) { nodes { __typename id title enrollments { totalCount pageInfo { endCursor } edges { cursor node { __typename id status enrolledAt student { __typename id name email } course { id title } } } } } } }',
    ],
    [
      'the way from a course to the other courses of its students',
      '{ courses(first: 5) { edges { node { enrollments(first: 5) { edges { node { student { enrollments(first: 5) { edges { node { course { title } } } } } } } } } } } }',
    ],
    [
      'twenty mutations',
      `mutation { ${Array.from({ length: 20 }, (_, index) => `m${index}: unenroll(input: { enrollmentId: ${index + 1} }) { deletedId course { id totalEnrollments } userErrors { code field message } }`).join(' ')} }`,
    ],
    ['the schema', getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true, specifiedByUrl: true })],
  ])('a server with the default limits answers %s', async (_, query) => {
    expect(await run(query)).toBeUndefined();
  });

  it('a server does not parse a document that is longer than any operation, however it is written', async () => {
    const [error] = (await run(`{ ${'a '.repeat(50_000)} }`)) ?? [];
    expect(error).toBe('Syntax Error: Document contains more that 5000 tokens. Parsing aborted.');
  });

  it('a server does not follow fragments that grow with each use', async () => {
    const fragments = Array.from(
      { length: 20 },
      (_, index) =>
        `fragment F${index} on Query { ${index === 19 ? 'me { id }' : `...F${index + 1} ... on Query { ...F${index + 1} }`} }`,
    );
    expect(await run(`{ ...F0 } ${fragments.join(' ')}`)).toEqual([
      'The operation selects more than 10000 fields, those of fragments counted at each place. Ask for less at once.',
    ]);
  });
});
