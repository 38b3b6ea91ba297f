import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { CourseStatus, Role } from '../../src/entities/index.js';
import { addCourse, addEnrollment, addUser, type Api } from '../support/api.js';
import type { KeptLog } from '../support/log-lines.js';

/** A server in production mode, with its log. */
export interface Audited {
  readonly api: Api;
  readonly log: KeptLog;
}

/** One check of an auditor, and what this server does. */
export interface SecurityCheck {
  readonly auditor: 'graphql-cop' | 'graphql-armor' | 'OWASP';
  /** The name that the auditor gives it. */
  readonly check: string;
  /** What comes of it, with the figure, as docs/security-checks.md has it. */
  readonly outcome: string;
  /** Sends what the auditor sends, and asserts the outcome. */
  readonly run: (audited: Audited) => Promise<void>;
}

const times = (count: number, make: (index: number) => string): string => Array.from({ length: count }, (_, index) => make(index)).join(' ');
const JSON_BODY = { 'content-type': 'application/json' };

/** Gives what a request is answered, in the type that auditors read. */
async function posted({ api }: Audited, body: unknown, headers: Record<string, string> = JSON_BODY): Promise<{ status: number; text: string; data: any; errors: { message: string; extensions: Record<string, unknown> }[] }> {
  const response = await fetch(api.url, { method: 'POST', headers, body: typeof body === 'string' || body instanceof URLSearchParams ? body : JSON.stringify(body) });
  const text = await response.text();
  const { data, errors = [] } = JSON.parse(text) as { data?: object; errors?: [] };
  return { status: response.status, text, data, errors };
}

async function refused(audited: Audited, query: string, code: string, message: string | RegExp, variables: object = {}): Promise<void> {
  let answer!: Awaited<ReturnType<typeof posted>>;
  const statements = await audited.api.statements(async () => (answer = await posted(audited, { query, variables })));
  expect([answer.data, answer.errors.length, answer.errors[0]?.extensions]).toEqual([undefined, 1, { code }]);
  if (typeof message === 'string') expect(answer.errors[0]!.message).toBe(message);
  else expect(answer.errors[0]!.message).toMatch(message);
  expect(statements).toEqual([]);
}

const byGet = ({ api }: Audited, query: string, headers: Record<string, string> = {}): Promise<Response> => fetch(`${api.url}?${new URLSearchParams({ query })}`, { headers });

/** Lists the checks of graphql-cop 1.15, the plugins of graphql-armor, and what OWASP's GraphQL sheet asks for. */
export const securityChecks: readonly SecurityCheck[] = [
  {
    auditor: 'graphql-cop',
    check: 'Alias Overloading',
    outcome: 'refused: 101 aliases, `MAX_ALIASES` allows 50',
    run: audited => refused(audited, `query cop { ${times(101, index => `alias${index}:__typename \n`)} }`, 'QUERY_TOO_MANY_ALIASES', /^The operation has 101 aliases, and 50 are allowed\./),
  },
  {
    auditor: 'graphql-cop',
    check: 'Directive Overloading',
    outcome: 'refused by one error: 10 directives at one place, 5 are allowed there',
    run: async audited => {
      await refused(audited, 'query cop { __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }', 'QUERY_TOO_MANY_DIRECTIVES', /^The operation has 10 directives at one place, and 5 are allowed there\./);
      await refused(audited, `query cop { __typename ${'@skip(if: false)'.repeat(40)} }`, 'QUERY_TOO_MANY_DIRECTIVES', /^The operation has 40 directives at one place/);
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'Field Duplication',
    outcome: 'refused: 500 fields of one name in one selection, 100 are allowed',
    run: audited => refused(audited, `query cop { ${'__typename \n'.repeat(500)}} `, 'QUERY_TOO_COSTLY', /^The operation has 500 fields of one name in one selection, and 100 are allowed\./),
  },
  {
    auditor: 'graphql-cop',
    check: 'Array-based Query Batching',
    outcome: 'refused: a body is one operation, and 10 are none',
    run: async audited => {
      const { status, data, errors } = await posted(audited, Array.from({ length: 10 }, () => ({ query: 'query cop { __typename }' })));
      expect([status, data, errors.map(({ extensions }) => extensions)]).toEqual([400, undefined, [{ code: 'BAD_REQUEST' }]]);
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'Introspection-based Circular Query',
    outcome: 'refused: no introspection in production; elsewhere 3 lists within each other are the most',
    run: async audited => {
      const { data, errors } = await posted(audited, { query: 'query cop { __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }' });
      expect(data).toBeUndefined();
      expect(new Set(errors.map(({ extensions }) => extensions['code']))).toEqual(new Set(['GRAPHQL_VALIDATION_FAILED']));
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'Introspection',
    outcome: 'refused in production, unless `INTROSPECTION=on`',
    run: async audited => {
      const { data, errors } = await posted(audited, { query: 'query cop { __schema { types { name fields { name } } } }' });
      expect([data, errors[0]!.message]).toEqual([undefined, 'This server does not tell its schema (__schema, __type). Read the file schema/schema.graphql, or have the server started with INTROSPECTION=on.']);
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'Field Suggestions',
    outcome: 'none: no message of production says "Did you mean"',
    run: async audited => {
      for (const query of ['query cop { __schema { directive } }', '{ course }', '{ courses { totalCoun } }', '{ courses(frist: 1) { totalCount } }']) expect((await posted(audited, { query })).text).not.toContain('Did you mean');
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'GraphQL IDE',
    outcome: 'none: no page for exploring in production',
    run: async ({ api }) => {
      for (const path of ['/graphql', '/explorer', '/']) {
        const response = await fetch(new URL(path, api.url), { headers: { accept: 'text/html' } });
        expect(response.status).toBeGreaterThanOrEqual(400);
        expect(await response.text()).not.toMatch(/graphiql|playground|<html/i);
      }
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'GET Method Query Support',
    outcome: 'refused without a header that a page of another site cannot send; harmless with it, since GET only reads',
    run: async audited => {
      expect((await byGet(audited, 'query cop {__typename}')).status).toBe(400);
      expect((await byGet(audited, 'query cop {__typename}', { 'apollo-require-preflight': 'true' })).status).toBe(200);
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'Mutation is allowed over GET (possible CSRF)',
    outcome: 'refused: 400 without the header, 405 with it',
    run: async audited => {
      expect((await byGet(audited, 'mutation cop {__typename}')).status).toBe(400);
      expect((await byGet(audited, 'mutation cop {__typename}', { 'apollo-require-preflight': 'true' })).status).toBe(405);
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'POST based url-encoded query (possible CSRF)',
    outcome: 'refused: 415 for every type but JSON',
    run: async audited => {
      for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x']) expect((await posted(audited, new URLSearchParams({ query: 'query cop { __typename }' }).toString(), { 'content-type': type })).status).toBe(415);
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'Trace Mode',
    outcome: 'none: answers have no `extensions`',
    run: async audited => {
      const { text } = await posted(audited, { query: 'query cop { __typename }' });
      expect(JSON.parse(text)).toEqual({ data: { __typename: 'Query' } });
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'Unhandled Errors Detection',
    outcome: 'none: errors have a code, and no stack',
    run: async audited => {
      const { errors, text } = await posted(audited, { query: 'qwerty cop { abc }' });
      expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'GRAPHQL_PARSE_FAILED' }]);
      expect(text).not.toMatch(/exception|stacktrace|node_modules|\bat \w+ \(/);
    },
  },
  {
    auditor: 'graphql-armor',
    check: 'max-aliases',
    outcome: 'refused: `MAX_ALIASES` allows 50, and those of `__typename` and of fragments that are not used count too',
    run: async audited => {
      await refused(audited, `{ courses { totalCount } } fragment F on Query { ${times(51, index => `a${index}: __typename`)} }`, 'QUERY_TOO_MANY_ALIASES', /^The operation has 51 aliases, and 50 are allowed\./);
      expect((await posted(audited, { query: `{ ${times(50, index => `a${index}: __typename`)} }` })).errors).toEqual([]);
    },
  },
  {
    auditor: 'graphql-armor',
    check: 'max-directives',
    outcome: 'refused: `MAX_DIRECTIVES` allows 50, and 5 at one place',
    run: async audited => {
      await refused(audited, `{ ${times(51, () => '... @include(if: true) { __typename }')} }`, 'QUERY_TOO_MANY_DIRECTIVES', /^The operation has 51 directives, and 50 are allowed\./);
      expect((await posted(audited, { query: `{ ${times(50, () => '... @include(if: true) { __typename }')} }` })).errors).toEqual([]);
    },
  },
  {
    auditor: 'graphql-armor',
    check: 'max-depth',
    outcome: 'refused: `MAX_DEPTH` allows 12',
    run: audited => refused(audited, `{ courses { nodes ${'{ instructor { enrollments { nodes { course '.repeat(3)}{ id }${' } } } }'.repeat(3)} } }`, 'QUERY_TOO_DEEP', 'The operation is 15 fields deep, and 12 are allowed. Ask for what is further down in an operation of its own, by its id.'),
  },
  {
    auditor: 'graphql-armor',
    check: 'max-tokens',
    outcome: 'refused: parsing ends after 5,000 tokens',
    run: audited => refused(audited, `{ ${'a '.repeat(5000)} }`, 'GRAPHQL_PARSE_FAILED', 'Syntax Error: Document contains more that 5000 tokens. Parsing aborted.'),
  },
  {
    auditor: 'graphql-armor',
    check: 'cost-limit',
    outcome: 'refused: `MAX_COST` allows 50,000, about the values of the answer and what it takes to find them',
    run: audited => refused(audited, '{ courses(first: 100) { nodes { enrollments(first: 100) { nodes { student { id name } course { id title } } } } } }', 'QUERY_TOO_COSTLY', /^The operation can cost \d+, and 50000 is allowed\./),
  },
  {
    auditor: 'graphql-armor',
    check: 'character-limit',
    outcome: 'refused: 131,072 characters are the most, and 255 of a name',
    run: async audited => {
      await refused(audited, `{ __typename }${' '.repeat(131_072)}`, 'QUERY_TOO_LONG', 'The operation has 131086 characters, and 131072 are allowed. Send long values as variables.');
      await refused(audited, `{ ${'a'.repeat(256)} }`, 'QUERY_TOO_LONG', 'A name in the operation has 256 characters, and 255 are allowed. Shorten it.');
    },
  },
  {
    auditor: 'graphql-armor',
    check: 'block-field-suggestions',
    outcome: 'none in production, in variables neither',
    run: async audited => {
      const { text, errors } = await posted(audited, { query: 'query ($filter: CourseFilter) { courses(filter: $filter) { totalCount } }', variables: { filter: { titel: {} } } });
      expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT' }]);
      expect(text).not.toContain('Did you mean');
    },
  },
  {
    auditor: 'OWASP',
    check: 'Input validation: types, allowed values, graceful refusal',
    outcome: 'refused by a code with the place: ids are whole numbers, statuses an enum, texts have lengths; at most 20 mistakes told',
    run: async audited => {
      const query = 'query ($id: ID!, $status: [CourseStatus!], $first: Int) { course(id: $id) { id } courses(first: $first, filter: { status: $status }) { totalCount } }';
      const { data, errors } = await posted(audited, { query, variables: { id: true, status: Array.from({ length: 500 }, (_, index) => `S${index}`), first: '1; DROP TABLE core_user' } });
      expect([data, errors.length]).toEqual([undefined, 21]);
      expect(new Set(errors.map(({ extensions }) => extensions['code']))).toEqual(new Set(['BAD_USER_INPUT']));
    },
  },
  {
    auditor: 'OWASP',
    check: 'Injection: SQL and patterns',
    outcome: 'harmless: values are parameters of statements, and `%` and `_` are what they are: 0 rows for each text',
    run: async audited => {
      const id = await addCourse(audited.api.database, { title: 'Injected' });
      for (const contains of ["' OR 1=1 --", '" OR ""="', '%', '_', '\\', "'); DROP TABLE core_course; --", '${7*7}', '{"$gt":""}', '$(id)']) {
        const { data, errors } = await posted(audited, { query: 'query ($filter: CourseFilter) { courses(filter: $filter) { totalCount } }', variables: { filter: { ids: [id], title: { contains } } } });
        expect([errors, data]).toEqual([[], { courses: { totalCount: 0 } }]);
      }
    },
  },
  {
    auditor: 'OWASP',
    check: 'Process validation: requests to hosts that a client names',
    outcome: 'none: no argument takes an address',
    run: async ({ api }) => {
      const { buildGraphqlSchema } = await import('../../src/graphql/schema.js');
      const { placesOf } = await import('../graphql/input-places.js');
      expect(placesOf(buildGraphqlSchema()).filter(({ coordinate }) => /url|uri|host|link|callback|webhook/i.test(coordinate))).toEqual([]);
      expect(api.url).toContain('127.0.0.1');
    },
  },
  {
    auditor: 'OWASP',
    check: 'Depth limiting',
    outcome: 'refused: `MAX_DEPTH` allows 12, through fragments too',
    run: audited => refused(audited, `{ courses { nodes { ...A } } } fragment A on Course { enrollments { nodes { ...B } } } fragment B on Enrollment { course { enrollments { nodes { course { enrollments { nodes { course { enrollments { nodes { id } } } } } } } } } }`, 'QUERY_TOO_DEEP', /^The operation is 14 fields deep, and 12 are allowed\./),
  },
  {
    auditor: 'OWASP',
    check: 'Amount limiting and pagination',
    outcome: 'refused: a page has 100 rows at most, a list in variables 10,000 values',
    run: async audited => {
      const { data, errors } = await posted(audited, { query: '{ courses(first: 99999999) { nodes { title } } }' });
      expect([data, errors[0]!.extensions, errors[0]!.message]).toEqual([null, { code: 'BAD_USER_INPUT', argument: 'first' }, 'first: 99999999 is not from 0 to 100; ask for more in several pages.']);
      const long = await posted(audited, { query: 'query ($ids: [ID!]) { courses(filter: { ids: $ids }) { totalCount } }', variables: { ids: Array.from({ length: 10_001 }, (_, index) => index) } });
      expect(long.errors.map(({ message, extensions }) => [message, extensions])).toEqual([['Variable "$ids" has a list of 10001 values at "ids", and 10000 are allowed. Send them in several requests.', { code: 'BAD_USER_INPUT', argument: 'filter.ids' }]]);
    },
  },
  {
    auditor: 'OWASP',
    check: 'Query cost analysis',
    outcome: 'refused: `MAX_COST` allows 50,000, lists in arguments and introspection are in it',
    run: audited => refused(audited, `{ courses(first: 100) { nodes { ${times(20, index => `a${index}: enrollmentsCount(status: [${'ACTIVE '.repeat(200)}]) { count }`)} } } }`, 'QUERY_TOO_COSTLY', /^The operation can cost \d+, and 50000 is allowed\./),
  },
  {
    auditor: 'OWASP',
    check: 'Batching and caching on the server',
    outcome: 'loaders: as many statements for 2 courses as for 20',
    run: async audited => {
      const teacher = await addUser(audited.api.database, Role.TEACHER);
      for (let index = 0; index < 20; index += 1) await addCourse(audited.api.database, { instructor: teacher });
      const count = async (first: number) => (await audited.api.statements(() => posted(audited, { query: `{ courses(first: ${first}) { nodes { instructor { name } enrollmentsCount { count } } } }` }))).length;
      expect(await count(20)).toBe(await count(2));
    },
  },
  {
    auditor: 'OWASP',
    check: 'Access control: objects by id, on edges and on nodes',
    outcome: 'hidden: an unpublished course is null by id, and on no edge and no node, with 0 in the count',
    run: async audited => {
      const hidden = await addCourse(audited.api.database, { isPublished: false, status: CourseStatus.DRAFT });
      const student = await addUser(audited.api.database, Role.STUDENT);
      await addEnrollment(audited.api.database, hidden, student);
      const { data } = await posted(audited, { query: `{ course(id: ${hidden}) { id } courses(filter: { ids: [${hidden}] }) { totalCount edges { node { id } } nodes { id } } }` });
      expect(data).toEqual({ course: null, courses: { totalCount: 0, edges: [], nodes: [] } });
    },
  },
  {
    auditor: 'OWASP',
    check: 'Access control: mutations',
    outcome: 'refused: nobody is signed in, and nothing is written',
    run: async audited => {
      const { errors } = await posted(audited, { query: 'mutation { deleteUser(input: { id: 1 }) { deletedId } }' });
      expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'UNAUTHENTICATED' }]);
    },
  },
  {
    auditor: 'OWASP',
    check: 'Batching attacks: several operations in a document, one of many aliases',
    outcome: 'harmless: one operation of a document runs, and 50 aliases are the most; there is no password to guess',
    run: async audited => {
      const { data, errors } = await posted(audited, { query: times(40, index => `query q${index} { a${index}: __typename }`), operationName: 'q7' });
      expect([data, errors]).toEqual([{ a7: 'Query' }, []]);
      await refused(audited, `{ ${times(51, index => `a${index}: course(id: ${index + 1}) { title }`)} }`, 'QUERY_TOO_MANY_ALIASES', /^The operation has 51 aliases/);
    },
  },
  {
    auditor: 'OWASP',
    check: 'Excessive errors: stacks and debug mode',
    outcome: 'none: an error of ours is masked, under an id that the log has with the stack',
    run: async audited => {
      const { database } = audited.api;
      audited.log.clear();
      await database.em.getConnection().execute('alter table core_enrollments rename to core_elsewhere');
      try {
        const { errors, text } = await posted(audited, { query: '{ courses(first: 1) { nodes { enrollmentsCount { count } } } }' });
        expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'INTERNAL_SERVER_ERROR' }]);
        expect(text).not.toMatch(/core_|select|stack|node_modules/i);
        expect(audited.log.text()).toContain('core_enrollments');
      } finally {
        await database.em.getConnection().execute('alter table core_elsewhere rename to core_enrollments');
      }
    },
  },
  {
    auditor: 'OWASP',
    check: 'Persisted queries that are another text than their hash says',
    outcome: 'refused: the hash must be that of the text',
    run: async audited => {
      const sha256Hash = createHash('sha256').update('{ __typename }').digest('hex');
      const { status, errors } = await posted(audited, { query: '{ courses { totalCount } }', extensions: { persistedQuery: { version: 1, sha256Hash } } });
      expect([status, errors.map(({ extensions }) => extensions)]).toEqual([400, [{ code: 'BAD_REQUEST' }]]);
    },
  },
];
