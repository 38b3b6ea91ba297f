import { expect } from 'vitest';
import { posted, refused, times, type SecurityCheck } from './security-check.js';

/** The plugins of graphql-armor. */
export const graphqlArmor: readonly SecurityCheck[] = [
  {
    auditor: 'graphql-armor',
    check: 'max-aliases',
    outcome: 'refused: `MAX_ALIASES` allows 50, and those of `__typename` and of fragments that are not used count too',
    run: async audited => {
      await refused(
        audited,
        `{ courses { totalCount } } fragment F on Query { ${times(51, index => `a${index}: __typename`)} }`,
        'QUERY_TOO_MANY_ALIASES',
        /^The operation has 51 aliases, and 50 are allowed\./,
      );
      expect((await posted(audited, { query: `{ ${times(50, index => `a${index}: __typename`)} }` })).errors).toEqual(
        [],
      );
    },
  },
  {
    auditor: 'graphql-armor',
    check: 'max-directives',
    outcome: 'refused: `MAX_DIRECTIVES` allows 50, and 5 at one place',
    run: async audited => {
      await refused(
        audited,
        `{ ${times(51, () => '... @include(if: true) { __typename }')} }`,
        'QUERY_TOO_MANY_DIRECTIVES',
        /^The operation has 51 directives, and 50 are allowed\./,
      );
      expect(
        (await posted(audited, { query: `{ ${times(50, () => '... @include(if: true) { __typename }')} }` })).errors,
      ).toEqual([]);
    },
  },
  {
    auditor: 'graphql-armor',
    check: 'max-depth',
    outcome: 'refused: `MAX_DEPTH` allows 12',
    run: audited =>
      refused(
        audited,
        `{ courses { nodes ${'{ instructor { enrollments { nodes { course '.repeat(3)}{ id }${' } } } }'.repeat(3)} } }`,
        'QUERY_TOO_DEEP',
        'The operation is 15 fields deep, and 12 are allowed. Ask for what is further down in an operation of its own, by its id.',
      ),
  },
  {
    auditor: 'graphql-armor',
    check: 'max-tokens',
    outcome: 'refused: parsing ends after 5,000 tokens',
    run: audited =>
      refused(
        audited,
        `{ ${'a '.repeat(5000)} }`,
        'GRAPHQL_PARSE_FAILED',
        'Syntax Error: Document contains more that 5000 tokens. Parsing aborted.',
      ),
  },
  {
    auditor: 'graphql-armor',
    check: 'cost-limit',
    outcome: 'refused: `MAX_COST` allows 50,000, about the values of the answer and what it takes to find them',
    run: audited =>
      refused(
        audited,
        '{ courses(first: 100) { nodes { enrollments(first: 100) { nodes { student { id name } course { id title } } } } } }',
        'QUERY_TOO_COSTLY',
        /^The operation can cost \d+, and 50000 is allowed\./,
      ),
  },
  {
    auditor: 'graphql-armor',
    check: 'character-limit',
    outcome: 'refused: 131,072 characters are the most, and 255 of a name',
    run: async audited => {
      await refused(
        audited,
        `{ __typename }${' '.repeat(131_072)}`,
        'QUERY_TOO_LONG',
        'The operation has 131086 characters, and 131072 are allowed. Send long values as variables.',
      );
      await refused(
        audited,
        `{ ${'a'.repeat(256)} }`,
        'QUERY_TOO_LONG',
        'A name in the operation has 256 characters, and 255 are allowed. Shorten it.',
      );
    },
  },
  {
    auditor: 'graphql-armor',
    check: 'block-field-suggestions',
    outcome: 'none in production, in variables neither',
    run: async audited => {
      const { text, errors } = await posted(audited, {
        query: 'query ($filter: CourseFilter) { courses(filter: $filter) { totalCount } }',
        variables: { filter: { titel: {} } },
      });
      expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT' }]);
      expect(text).not.toContain('Did you mean');
    },
  },
];
