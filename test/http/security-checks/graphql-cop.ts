import { expect } from 'vitest';
import { byGet, posted, refused, times, type SecurityCheck } from './security-check.js';

/** The checks of graphql-cop 1.15. */
export const graphqlCop: readonly SecurityCheck[] = [
  {
    auditor: 'graphql-cop',
    check: 'Alias Overloading',
    outcome: 'refused: 101 aliases, `MAX_ALIASES` allows 50',
    run: audited =>
      refused(
        audited,
        `query cop { ${times(101, index => `alias${index}:__typename \n`)} }`,
        'QUERY_TOO_MANY_ALIASES',
        /^The operation has 101 aliases, and 50 are allowed\./,
      ),
  },
  {
    auditor: 'graphql-cop',
    check: 'Directive Overloading',
    outcome: 'refused by one error: 10 directives at one place, 5 are allowed there',
    run: async audited => {
      await refused(
        audited,
        'query cop { __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }',
        'QUERY_TOO_MANY_DIRECTIVES',
        /^The operation has 10 directives at one place, and 5 are allowed there\./,
      );
      await refused(
        audited,
        `query cop { __typename ${'@skip(if: false)'.repeat(40)} }`,
        'QUERY_TOO_MANY_DIRECTIVES',
        /^The operation has 40 directives at one place/,
      );
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'Field Duplication',
    outcome: 'refused: 500 fields of one name in one selection, 100 are allowed',
    run: audited =>
      refused(
        audited,
        `query cop { ${'__typename \n'.repeat(500)}} `,
        'QUERY_TOO_COSTLY',
        /^The operation has 500 fields of one name in one selection, and 100 are allowed\./,
      ),
  },
  {
    auditor: 'graphql-cop',
    check: 'Array-based Query Batching',
    outcome: 'refused: a body is one operation, and 10 are none',
    run: async audited => {
      const { status, data, errors } = await posted(
        audited,
        Array.from({ length: 10 }, () => ({ query: 'query cop { __typename }' })),
      );
      expect([status, data, errors.map(({ extensions }) => extensions)]).toEqual([
        400,
        undefined,
        [{ code: 'BAD_REQUEST' }],
      ]);
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'Introspection-based Circular Query',
    outcome: 'refused: no introspection in production; elsewhere 3 lists within each other are the most',
    run: async audited => {
      const { data, errors } = await posted(audited, {
        query:
          'query cop { __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }',
      });
      expect(data).toBeUndefined();
      expect(new Set(errors.map(({ extensions }) => extensions['code']))).toEqual(
        new Set(['GRAPHQL_VALIDATION_FAILED']),
      );
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'Introspection',
    outcome: 'refused in production, unless `INTROSPECTION=on`',
    run: async audited => {
      const { data, errors } = await posted(audited, {
        query: 'query cop { __schema { types { name fields { name } } } }',
      });
      expect([data, errors[0]!.message]).toEqual([
        undefined,
        'This server does not tell its schema (__schema, __type). Read the file schema/schema.graphql, or have the server started with INTROSPECTION=on.',
      ]);
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'Field Suggestions',
    outcome: 'none: no message of production says "Did you mean"',
    run: async audited => {
      for (const query of [
        'query cop { __schema { directive } }',
        '{ course }',
        '{ courses { totalCoun } }',
        '{ courses(frist: 1) { totalCount } }',
      ])
        expect((await posted(audited, { query })).text).not.toContain('Did you mean');
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
      expect((await byGet(audited, 'mutation cop {__typename}', { 'apollo-require-preflight': 'true' })).status).toBe(
        405,
      );
    },
  },
  {
    auditor: 'graphql-cop',
    check: 'POST based url-encoded query (possible CSRF)',
    outcome: 'refused: 415 for every type but JSON',
    run: async audited => {
      for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x'])
        expect(
          (
            await posted(audited, new URLSearchParams({ query: 'query cop { __typename }' }).toString(), {
              'content-type': type,
            })
          ).status,
        ).toBe(415);
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
];
