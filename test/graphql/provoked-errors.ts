import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { Role } from '../../src/entities/index.js';
import { MAX_NAME_LENGTH, MAX_DOCUMENT_LENGTH } from '../../src/graphql/documents/documents.js';
import type { ErrorCode } from '../../src/graphql/errors/error-catalogue.js';
import { MAX_VALUES } from '../../src/graphql/documents/variables.js';
import type { UserErrorCode } from '../../src/use-cases/outcome.js';
import { startApi, type Api } from '../support/api.js';
import { trustedFolder } from '../support/trusted-folder.js';
import {
  ACCEPT,
  rejectedRequests,
  at,
  bytes,
  fetchReply,
  invalidHttp,
  streamed,
  provokeUnexpectedError,
  type Ask,
  type Reply,
} from './provoked-rejections.js';

function post(api: Api, body: object, token: string | null = null): Promise<Reply> {
  return withHeader(api, body, token === null ? {} : { authorization: `Bearer ${token}` });
}

function withHeader(api: Api, body: object, headers: Record<string, string>): Promise<Reply> {
  return fetchReply(api.url, {
    method: 'POST',
    headers: { ...ACCEPT, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

const anonymously =
  (query: string, variables = {}): Ask =>
  api =>
    post(api, { query, variables });
const withToken =
  (token: string): Ask =>
  api =>
    post(api, { query: '{ me { id } }' }, token);
const as =
  (role: Role, userId: number | null, query: string, variables = {}): Ask =>
  async api =>
    post(api, { query, variables }, await api.token(role, userId));
const asAdmin = (query: string): Ask => as(Role.ADMIN, null, query);
const get =
  (parameters: Record<string, string>): Ask =>
  api =>
    fetchReply(`${api.url}?${new URLSearchParams(parameters)}`, {
      headers: { ...ACCEPT, 'apollo-require-preflight': 'true' },
    });
const broken =
  (sql: string, query: string): Ask =>
  async api => {
    await api.database.em.getConnection().execute(sql);
    return asAdmin(query)(api);
  };
/** Sends a query of an admin while the table of the runs is missing. */
const brokenFor =
  (query: string): Ask =>
  async api => {
    const reply = await broken('alter table core_recount_runs rename to hidden_away', query)(api);
    await api.database.em.getConnection().execute('alter table hidden_away rename to core_recount_runs');
    return reply;
  };

/** Sends a mutation that needs more room than the file may have. */
const withoutRoom: Ask = async api => {
  const sql = api.database.em.getConnection();
  const [before] = await sql.execute<{ max_page_count: number }[]>('pragma max_page_count');
  await sql.execute('pragma max_page_count = 1'); // No less than it has.
  const reply = await as(
    Role.ADMIN,
    null,
    'mutation ($text: String) { createCourse(input: { title: "Large", description: $text }) { course { id } } }',
    { text: 'x'.repeat(60_000) },
  )(api);
  await sql.execute(`pragma max_page_count = ${before!.max_page_count}`);
  return reply;
};

/** Sends a request to a server of its own with trusted documents. */
async function trusting(ask: Ask): Promise<Reply> {
  const { folder, remove } = trustedFolder({ 'one.graphql': 'query One { courses { totalCount } }' });
  const api = await startApi('sqlite', { env: { TRUSTED_DOCUMENTS: folder } });
  const reply = await ask(api);
  await api.stop();
  remove();
  return reply;
}

/** Sends a request to a server of its own whose identity provider is away. */
async function withoutKeys(): Promise<Reply> {
  const api = await startApi('sqlite', { env: { JWKS_URL: 'http://127.0.0.1:1/keys' } });
  const reply = await withToken(
    'eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiIxIiwicm9sZSI6ImFkbWluIiwiZXhwIjo5OTk5OTk5OTk5fQ.AAAA',
  )(api);
  await api.stop();
  return reply;
}
/**
 * Sends a mutation with two fields to a server of its own, whose database another program locks before it begins, or
 * when the first field is saved.
 */
const late =
  (moment: 'before' | 'between'): Ask =>
  async () => {
    const api = await startApi('sqlite', { env: { REQUEST_TIMEOUT: '1' } });
    const other = new DatabaseSync(api.databaseUrl.slice('sqlite:'.length));
    try {
      const take = (): void => {
        if (!other.isTransaction) other.exec('begin immediate');
      };
      if (moment === 'before') take();
      api.database.config.set('onQuery', sql => {
        // The first row that is read for the answer.
        if (/^select .* from "core_user"/.test(sql)) take();
        return sql;
      });
      const create = (name: string) =>
        `${name}: createUser(input: { name: "${name}", email: "${name}@example.org" }) { user { id } }`;
      return await asAdmin(`mutation { ${create('a')} ${create('b')} }`)(api);
    } finally {
      other.close();
      await api.stop();
    }
  };

/** The codes that need a lost connection, or another application's database. */
type CodesElsewhere =
  'DATABASE_UNAVAILABLE' | 'READ_FAILED' | 'COMMIT_UNKNOWN' | 'RETRY_LATER' | 'NOT_WRITABLE' | 'UNKNOWN_VALUE';

/** Sends a request to a server of its own with more courses than a list may read. */
const amongMany =
  (ask: Ask): Ask =>
  async () => {
    const api = await startApi('sqlite', { env: { MAX_ROWS_READ: '1000' } });
    await api.database.em
      .getConnection()
      .execute(
        "insert into core_course (title, status, is_published, created_at, updated_at) with recursive n(n) as (select 1 union all select n + 1 from n where n < 1200) select 'Course ' || n, 'active', 1, n, n from n",
      );
    const reply = await ask(api);
    await api.stop();
    return reply;
  };

/** Requests that are answered with each other code of `errors`. */
export const errorRequests: Readonly<Record<Exclude<ErrorCode, CodesElsewhere>, readonly Ask[]>> = {
  BAD_REQUEST: [
    ...[
      { version: 1, sha256Hash: '0'.repeat(64) },
      { version: 2, sha256Hash: '0'.repeat(64) },
    ].map(
      (persistedQuery): Ask =>
        api =>
          post(api, { query: '{ me { id } }', extensions: { persistedQuery } }),
    ),
    api => post(api, {}),
    get({ query: 'mutation { deleteUser(input: { id: 1 }) { deletedId } }' }),
    at('/graphql', { method: 'POST', body: '{"query":' }),
    invalidHttp,
    at('/%ff'),
    at('/explorer/styles.css', { headers: { ...ACCEPT, 'if-unmodified-since': 'Mon, 01 Jan 1990 00:00:00 GMT' } }),
    bytes('GET /graphql HTTP/1.1\r\nhost: localhost\r\nexpect: 200-ok\r\nconnection: close\r\n\r\n'),
    at('/graphql/stream', { method: 'POST', body: '{}' }),
    streamed('{ courses { totalCount } }'),
    anonymously('subscription { courseCountsChanged { courseId } }'),
  ],
  ...rejectedRequests,
  REQUEST_TIMEOUT: [...rejectedRequests.REQUEST_TIMEOUT, late('before'), late('between')],
  GRAPHQL_PARSE_FAILED: [anonymously('{ courses {'), anonymously(`{ ${'me { id } '.repeat(1250)} }`)],
  GRAPHQL_VALIDATION_FAILED: [anonymously('{ courses { name } }'), anonymously('{ courses }')],
  OPERATION_RESOLUTION_FAILURE: [
    anonymously('query A { me { id } } query B { me { id } }'),
    api => post(api, { query: 'query A { me { id } }', operationName: 'B' }),
    streamed('subscription A { courseCountsChanged { courseId } } subscription B { courseCountsChanged { courseId } }'),
  ],
  QUERY_TOO_DEEP: [
    anonymously(
      `{ courses { nodes ${'{ instructor { enrollments { nodes { course '.repeat(3)}{ id }${' } } } }'.repeat(3)} } }`,
    ),
    anonymously(`{ courses(filter: { status: ${'['.repeat(1100)}${']'.repeat(1100)} }) { totalCount } }`),
  ],
  TOO_MANY_ROWS: [
    amongMany(anonymously('{ courses(filter: { title: { contains: "algebra" } }) { nodes { id } } }')),
    amongMany(
      anonymously(
        '{ courses(filter: { title: { eq: "none" }, totalEnrollments: { gte: 0 } }, last: 5, orderBy: { field: CREATED_AT }) { nodes { id } } }',
      ),
    ),
    amongMany(anonymously('{ courses { totalCount } }')),
    amongMany(anonymously('{ courses(filter: { title: { startsWith: "c" } }) { totalCount } }')),
  ],
  QUERY_TOO_COSTLY: [
    anonymously(
      '{ courses(first: 100) { nodes { enrollments(first: 100) { nodes { id student { id name } course { id } } } } } }',
    ),
    anonymously(
      `{ ...A } ${['A', 'B', 'C', 'D'].map((name, index, { [index + 1]: next }) => `fragment ${name} on Query { ${(next ? `...${next} ` : 'me { id } ').repeat(20)} }`).join(' ')}`,
    ),
    anonymously(
      `{ ${'...A '.repeat(200)} } fragment A on Query { courses(filter: { ids: [${'1 '.repeat(200)}] }) { totalCount } }`,
    ),
    anonymously(`{ ${'__typename '.repeat(101)} }`),
    anonymously(`query (${Array.from({ length: 251 }, (_, index) => `$v${index}: Int`).join(' ')}) { __typename }`),
    anonymously(`{ ${'... { courses { totalCount } } '.repeat(201)} }`),
    anonymously(`{ ${Array.from({ length: 11 }, () => `... { ${'__typename '.repeat(100)} }`).join(' ')} }`),
  ],
  QUERY_TOO_LONG: [
    anonymously(`{ me { id } } #${'x'.repeat(MAX_DOCUMENT_LENGTH)}`),
    anonymously(`query ${'x'.repeat(MAX_NAME_LENGTH + 1)} { me { id } }`),
    streamed(`subscription ${'x'.repeat(MAX_NAME_LENGTH + 1)} { courseCountsChanged { courseId } }`),
  ],
  QUERY_TOO_MANY_ALIASES: [
    anonymously(`{ ${Array.from({ length: 51 }, (_, index) => `a${index}: __typename`).join(' ')} }`),
  ],
  QUERY_TOO_MANY_DIRECTIVES: [
    anonymously(`{ __typename ${'@aa'.repeat(6)} }`),
    anonymously(`{ ${'__typename @include(if: true) '.repeat(51)} }`),
  ],
  PERSISTED_QUERY_NOT_FOUND: [
    api =>
      post(api, {
        extensions: {
          persistedQuery: { version: 1, sha256Hash: createHash('sha256').update('{ unseen }').digest('hex') },
        },
      }),
  ],
  DOCUMENT_NOT_TRUSTED: [
    () => trusting(api => post(api, { query: '{ __typename }' })),
    () => trusting(api => post(api, { documentId: 'unknown' })),
    () =>
      trusting(api =>
        fetchReply(`${api.url}/stream`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
          body: '{"query":"subscription { courseCountsChanged { courseId } }"}',
        }),
      ),
  ],
  BAD_USER_INPUT: [
    anonymously('{ course(id: "abc") { id } }'),
    anonymously('query ($first: Int) { courses(first: $first) { totalCount } }', { first: 'ten' }),
    anonymously('query ($ids: [ID!]) { courses(filter: { ids: $ids }) { totalCount } }', {
      ids: Array.from({ length: MAX_VALUES }, () => 1),
    }),
    streamed('subscription { courseCountsChanged(courseIds: []) { courseId } }'),
  ],
  UNAUTHENTICATED: [
    anonymously('{ enrollments { totalCount } }'),
    withToken('abc'),
    api => withHeader(api, { query: '{ me { id } }' }, { authorization: 'Basic x' }),
  ],
  KEYS_UNAVAILABLE: [withoutKeys],
  FORBIDDEN: [
    at('/graphql/stream', { headers: { accept: 'text/event-stream', origin: 'https://other.example' } }),
    as(Role.STUDENT, 3, '{ recountRuns { totalCount } }'),
    as(Role.STUDENT, 3, 'mutation { createCourse(input: { title: "New" }) { course { id } } }'),
    as(Role.STUDENT, 3, 'mutation { enroll(input: { courseId: 1, studentId: 4 }) { course { id } } }'),
    as(Role.TEACHER, 1, 'mutation { updateCourse(input: { id: 1, title: "New" }) { course { id } } }'),
    as(Role.TEACHER, 1, 'mutation { createCourse(input: { title: "New", instructorId: 2 }) { course { id } } }'),
  ],
  DATABASE_FULL: [withoutRoom],
  UNSAFE_NUMBER: [
    broken(
      'update core_course set total_enrollments = 9007199254740993 where id = (select min(id) from core_course)',
      '{ courses { nodes { totalEnrollments } } }',
    ),
    asAdmin('mutation { verifyEnrollmentCounts { driftCount } }'),
  ],
  INTERNAL_SERVER_ERROR: [brokenFor('{ recountRuns { totalCount } }'), provokeUnexpectedError],
};

/** Mutations that are answered with each code of `userErrors`. */
export const userErrorMutations: Readonly<Record<UserErrorCode, readonly Ask[]>> = {
  NOT_FOUND: [asAdmin('mutation { deleteCourse(input: { id: 999 }) { userErrors { code message } } }')],
  ALREADY_ENROLLED: [
    asAdmin('mutation { enroll(input: { courseId: 1, studentId: 3 }) { userErrors { code message } } }'),
  ],
  COURSE_FULL: [
    broken(
      'update core_course set capacity = 2 where id = 1',
      'mutation { enroll(input: { courseId: 1, studentId: 10 }) { userErrors { code message } } }',
    ),
  ],
  COURSE_CLOSED: [
    async api => {
      await asAdmin('mutation { updateCourse(input: { id: 3, status: ARCHIVED }) { userErrors { code message } } }')(
        api,
      );
      return as(Role.STUDENT, 10, 'mutation { enroll(input: { courseId: 3 }) { userErrors { code message } } }')(api);
    },
  ],
  INVALID: [asAdmin('mutation { createCourse(input: { title: "" }) { userErrors { code message } } }')],
  IN_USE: [
    asAdmin('mutation { deleteUser(input: { id: 2 }) { userErrors { code message } } }'),
    asAdmin(
      'mutation { createUser(input: { name: "Ada", email: "ada.byron@example.org" }) { userErrors { code message } } }',
    ),
  ],
  NOT_RUNNING: [
    async api => {
      await asAdmin('mutation { recountEnrollments(input: { courseIds: [2] }) { run { id } } }')(api);
      return asAdmin('mutation { pauseRecount(input: { id: 1 }) { userErrors { code message } } }')(api);
    },
    asAdmin('mutation { resumeRecount(input: { id: 1 }) { userErrors { code message } } }'),
  ],
};
