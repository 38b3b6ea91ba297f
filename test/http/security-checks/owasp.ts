import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { CourseStatus, Role } from '../../../src/entities/index.js';
import { addCourse, addEnrollment, addUser } from '../../support/api.js';
import { posted, refused, times, type SecurityCheck } from './security-check.js';

/** The requirements of OWASP's GraphQL cheat sheet. */
export const owasp: readonly SecurityCheck[] = [
  {
    auditor: 'OWASP',
    check: 'Input validation: types, allowed values, graceful refusal',
    outcome:
      'refused by a code with the place: ids are whole numbers or UUIDs, statuses an enum, texts have lengths; at most 20 mistakes told',
    run: async audited => {
      const query =
        'query ($id: ID!, $status: [CourseStatus!], $first: Int) { course(id: $id) { id } courses(first: $first, filter: { status: $status }) { totalCount } }';
      const { data, errors } = await posted(audited, {
        query,
        variables: {
          id: true,
          status: Array.from({ length: 500 }, (_, index) => `S${index}`),
          first: '1; DROP TABLE core_user',
        },
      });
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
      for (const contains of [
        "' OR 1=1 --",
        '" OR ""="',
        '%',
        '_',
        '\\',
        "'); DROP TABLE core_course; --",
        '${7*7}',
        '{"$gt":""}',
        '$(id)',
      ]) {
        const { data, errors } = await posted(audited, {
          query: 'query ($filter: CourseFilter) { courses(filter: $filter) { totalCount } }',
          variables: { filter: { ids: [id], title: { contains } } },
        });
        expect([errors, data]).toEqual([[], { courses: { totalCount: 0 } }]);
      }
    },
  },
  {
    auditor: 'OWASP',
    check: 'Process validation: requests to hosts that a client names',
    outcome: 'none: no argument takes an address',
    run: async ({ api }) => {
      const { graphqlSchema } = await import('../../../src/graphql/schema.js');
      const { placesOf } = await import('../../graphql/input-places.js');
      expect(
        placesOf(graphqlSchema()).filter(({ coordinate }) => /url|uri|host|link|callback|webhook/i.test(coordinate)),
      ).toEqual([]);
      expect(api.url).toContain('127.0.0.1');
    },
  },
  {
    auditor: 'OWASP',
    check: 'Depth limiting',
    outcome: 'refused: `MAX_DEPTH` allows 12, through fragments too',
    run: audited =>
      refused(
        audited,
        `{ courses { nodes { ...A } } } fragment A on Course { enrollments { nodes { ...B } } } fragment B on Enrollment { course { enrollments { nodes { course { enrollments { nodes { course { enrollments { nodes { id } } } } } } } } } }`,
        'QUERY_TOO_DEEP',
        /^The operation is 14 fields deep, and 12 are allowed\./,
      ),
  },
  {
    auditor: 'OWASP',
    check: 'Amount limiting and pagination',
    outcome: 'refused: a page has 100 rows at most, a list in variables 10,000 values',
    run: async audited => {
      const { data, errors } = await posted(audited, { query: '{ courses(first: 99999999) { nodes { title } } }' });
      expect([data, errors[0]!.extensions, errors[0]!.message]).toEqual([
        null,
        { code: 'BAD_USER_INPUT', argument: 'first' },
        'first: 99999999 is not from 0 to 100; ask for more in several pages.',
      ]);
      const long = await posted(audited, {
        query: 'query ($ids: [ID!]) { courses(filter: { ids: $ids }) { totalCount } }',
        variables: { ids: Array.from({ length: 10_001 }, (_, index) => index) },
      });
      expect(long.errors.map(({ message, extensions }) => [message, extensions])).toEqual([
        [
          'Variable "$ids" has a list of 10001 values at "ids", and 10000 are allowed. Send them in several requests.',
          { code: 'BAD_USER_INPUT', argument: 'filter.ids' },
        ],
      ]);
    },
  },
  {
    auditor: 'OWASP',
    check: 'Query cost analysis',
    outcome: 'refused: `MAX_COST` allows 50,000, lists in arguments and introspection are in it',
    run: audited =>
      refused(
        audited,
        `{ courses(first: 100) { nodes { ${times(20, index => `a${index}: enrollmentsCount(status: [${'ACTIVE '.repeat(200)}]) { count }`)} } } }`,
        'QUERY_TOO_COSTLY',
        /^The operation can cost \d+, and 50000 is allowed\./,
      ),
  },
  {
    auditor: 'OWASP',
    check: 'Batching and caching on the server',
    outcome: 'loaders: as many statements for 2 courses as for 20',
    run: async audited => {
      const teacher = await addUser(audited.api.database, Role.TEACHER);
      for (let index = 0; index < 20; index += 1) await addCourse(audited.api.database, { instructor: teacher });
      const count = async (first: number) =>
        (
          await audited.api.statements(() =>
            posted(audited, {
              query: `{ courses(first: ${first}) { nodes { instructor { name } enrollmentsCount { count } } } }`,
            }),
          )
        ).length;
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
      const { data } = await posted(audited, {
        query: `{ course(id: ${hidden}) { id } courses(filter: { ids: [${hidden}] }) { totalCount edges { node { id } } nodes { id } } }`,
      });
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
      const { data, errors } = await posted(audited, {
        query: times(40, index => `query q${index} { a${index}: __typename }`),
        operationName: 'q7',
      });
      expect([data, errors]).toEqual([{ a7: 'Query' }, []]);
      await refused(
        audited,
        `{ ${times(51, index => `a${index}: course(id: ${index + 1}) { title }`)} }`,
        'QUERY_TOO_MANY_ALIASES',
        /^The operation has 51 aliases/,
      );
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
        const { errors, text } = await posted(audited, {
          query: '{ courses(first: 1) { nodes { enrollmentsCount { count } } } }',
        });
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
      const { status, errors } = await posted(audited, {
        query: '{ courses { totalCount } }',
        extensions: { persistedQuery: { version: 1, sha256Hash } },
      });
      expect([status, errors.map(({ extensions }) => extensions)]).toEqual([400, [{ code: 'BAD_REQUEST' }]]);
    },
  },
];
