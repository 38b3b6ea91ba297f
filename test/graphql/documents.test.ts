import { getIntrospectionQuery, getOperationAST, GraphQLError } from 'graphql';
import { describe, expect, it } from 'vitest';
import {
  MAX_DIRECTIVES_AT_ONE_PLACE,
  MAX_NAME_LENGTH,
  MAX_NESTING,
  MAX_REPEATED_SELECTIONS,
  MAX_REPEATS,
  MAX_DOCUMENT_LENGTH,
  MAX_VARIABLES,
  readDocument,
} from '../../src/graphql/documents/documents.js';
import { assessOperation } from '../../src/graphql/costs/query-limits.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import { MAX_VALUES } from '../../src/graphql/documents/variables.js';
import { documentRules as rules } from '../support/document-rules.js';

const schema = graphqlSchema();
const times = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => make(index)).join(' ');

/** Returns the codes and messages of a rejected document; null if it is accepted. */
function refusal(text: string): string[][] | null {
  const read = readDocument(text, rules);
  return Array.isArray(read) ? read.map(({ message, extensions }) => [String(extensions['code']), message]) : null;
}

/** Returns the outcome of an operation whose document is accepted. */
function assessed(text: string) {
  const read = readDocument(text, { ...rules, maxAliases: 50 });
  if (Array.isArray(read)) throw new GraphQLError(read[0]!.message);
  return assessOperation(
    { schema, document: read.document, operation: getOperationAST(read.document)!, viewer: null },
    rules,
  );
}

describe('a document', () => {
  it.each<[string, string, string, string, string]>([
    [
      'aliases',
      `{ ${times(7, index => `a${index}: __typename`)} }`,
      `{ ${times(8, index => `a${index}: __typename`)} }`,
      'QUERY_TOO_MANY_ALIASES',
      'The operation has 8 aliases, and 7 are allowed. Ask for many of one kind by a list with a filter, or in several requests.',
    ],
    [
      'aliases in a fragment that is used at many places',
      `{ ...A ...A } fragment A on Query { ${times(7, index => `a${index}: __typename`)} }`,
      `{ b: __typename ...A } fragment A on Query { ${times(7, index => `a${index}: __typename`)} }`,
      'QUERY_TOO_MANY_ALIASES',
      'The operation has 8 aliases, and 7 are allowed. Ask for many of one kind by a list with a filter, or in several requests.',
    ],
    [
      'directives',
      `{ ${times(9, () => `... @include(if: true) { __typename }`)} }`,
      `{ ${times(10, () => `... @skip(if: false) { __typename }`)} }`,
      'QUERY_TOO_MANY_DIRECTIVES',
      'The operation has 10 directives, and 9 are allowed. Put @skip or @include on what is around several fields, or send several operations.',
    ],
    [
      'directives at one place, known or not',
      '{ __typename @skip(if: false) @include(if: true) }',
      `{ __typename ${'@aa'.repeat(6)} }`,
      'QUERY_TOO_MANY_DIRECTIVES',
      `The operation has 6 directives at one place, and ${MAX_DIRECTIVES_AT_ONE_PLACE} are allowed there. Leave out those that repeat.`,
    ],
    [
      'characters',
      `{ __typename }${' '.repeat(MAX_DOCUMENT_LENGTH - 14)}`,
      `{ __typename }${'\n'.repeat(MAX_DOCUMENT_LENGTH - 13)}`,
      'QUERY_TOO_LONG',
      `The operation has ${MAX_DOCUMENT_LENGTH + 1} characters, and ${MAX_DOCUMENT_LENGTH} are allowed. Send long values as variables.`,
    ],
    [
      'characters of a name',
      `query ${'N'.repeat(MAX_NAME_LENGTH)} { __typename }`,
      `query ${'N'.repeat(MAX_NAME_LENGTH + 1)} { __typename }`,
      'QUERY_TOO_LONG',
      `A name in the operation has ${MAX_NAME_LENGTH + 1} characters, and ${MAX_NAME_LENGTH} are allowed. Shorten it.`,
    ],
    [
      'selections within each other',
      `${'{ ... '.repeat(MAX_NESTING - 1)}{ __typename }${'}'.repeat(MAX_NESTING - 1)}`,
      `${'{ ... '.repeat(MAX_NESTING)}{ __typename }${'}'.repeat(MAX_NESTING)}`,
      'QUERY_TOO_DEEP',
      `The operation has ${MAX_NESTING + 1} selections, lists or objects within each other, and ${MAX_NESTING} are allowed. Ask for what is further down in an operation of its own, by its id.`,
    ],
    [
      'variables',
      `query (${times(MAX_VARIABLES, index => `$v${index}: ID!`)}) { courses(filter: { ids: [${times(MAX_VARIABLES, index => `$v${index}`)}] }) { totalCount } }`,
      `query (${times(MAX_VARIABLES + 1, index => `$v${index}: ID!`)}) { __typename }`,
      'QUERY_TOO_COSTLY',
      `The operation declares ${MAX_VARIABLES + 1} variables, and ${MAX_VARIABLES} are allowed. Put several values into one list or object.`,
    ],
    [
      'fields of one name in one selection',
      `{ ${'__typename '.repeat(MAX_REPEATS)} }`,
      `{ ${'__typename '.repeat(MAX_REPEATS + 1)} }`,
      'QUERY_TOO_COSTLY',
      `The operation has ${MAX_REPEATS + 1} fields of one name in one selection, and ${MAX_REPEATS} are allowed. Ask for each once.`,
    ],
    [
      'fields of one name that select something',
      `{ ${'... { courses { totalCount } } '.repeat(MAX_REPEATED_SELECTIONS)} }`,
      `{ ${'... { courses { totalCount } } '.repeat(MAX_REPEATED_SELECTIONS + 1)} }`,
      'QUERY_TOO_COSTLY',
      `The operation has ${MAX_REPEATED_SELECTIONS + 1} fields of one name that select something, and ${MAX_REPEATED_SELECTIONS} are allowed. Ask for less at once.`,
    ],
  ])('a document is rejected before it is validated when it has too many %s', (_, allowed, refused, code, message) => {
    expect(refusal(allowed)).toBeNull();
    expect(refusal(refused)).toEqual([[code, message]]);
  });

  // How deep the recursive parser comes depends on the stack, and on how far V8 has compiled it: through 1,400 always, and
  // through 4,900 seldom. The code depends on neither.
  it.each([
    ['lists', `{ courses(filter: { status: ${'['.repeat(4900)}`],
    ['lists without an end', `{ courses(filter: { status: ${'['.repeat(1400)}`],
    ['lists before what is no token', `{ courses(filter: { status: ${'['.repeat(1400)}"`],
    ['lists that end', `{ courses(filter: { status: ${'['.repeat(2400)}${']'.repeat(2400)} }) { totalCount } }`],
    ['lists beyond the last token', `{ courses(filter: { status: ${'['.repeat(20_000)}`],
    ['objects', `{ courses(filter: ${'{ title: '.repeat(1600)}`],
    ['types', `query ($v: ${'['.repeat(2400)}ID${']'.repeat(2400)}) { __typename }`],
    ['selections', '{ a '.repeat(2490)],
    ['selections without an end', '{ a '.repeat(1400)],
  ])('a document with nested %s is rejected as too deep', (_, text) => {
    expect(refusal(text)).toEqual([
      [
        'QUERY_TOO_DEEP',
        expect.stringMatching(/^The operation has (more than 1000|\d{4}) selections, lists or objects/),
      ],
    ]);
  });

  it('a document whose mistake comes before what is nested is rejected for its mistake', () => {
    const texts = [
      `{ courses(: ${'['.repeat(4900)}`,
      `{ ~ ${'{'.repeat(4900)}`,
      `"${'['.repeat(4900)}`,
      `{ a # ${'['.repeat(4900)}`,
    ];
    expect(texts.map(text => refusal(text)!.map(([code]) => code))).toEqual(texts.map(() => ['GRAPHQL_PARSE_FAILED']));
  });

  it.each([
    ['unknown fields', `{ ${times(2000, index => `field${index}`)} }`],
    ['unknown arguments', `{ courses(${times(1000, index => `argument${index}: 1`)}) { totalCount } }`],
    ['unknown input fields', `{ courses(filter: { ${times(1000, index => `field${index}: 1`)} }) { totalCount } }`],
    ['wrong values', `{ courses(filter: { status: [${times(4000, index => `NONE${index}`)}] }) { totalCount } }`],
    ['variables that are not used', `query (${times(MAX_VARIABLES, index => `$v${index}: Int`)}) { __typename }`],
    [
      'fragments that are not used',
      `{ __typename } ${times(500, index => `fragment F${index} on Query { __typename }`)}`,
    ],
    ['operations without a name', times(1000, () => '{ __typename }')],
  ])('a document with many %s has 20 mistakes reported, and a note that there are more', (_, text) => {
    const errors = refusal(text)!;
    expect(errors.map(([code]) => code)).toEqual(Array.from({ length: 21 }, () => 'GRAPHQL_VALIDATION_FAILED'));
    expect(errors.at(-1)![1]).toBe('Too many validation errors, error limit reached. Validation aborted.');
  });

  it('a document of up to 500 lines has the location of each mistake reported, and a longer one has none, since each is found by counting lines', () => {
    const placesOf = (lines: number) =>
      (readDocument(`{${'\n'.repeat(lines - 1)}nothing }`, rules) as GraphQLError[]).map(({ locations }) => locations);
    expect(placesOf(499)).toEqual([[{ line: 499, column: 1 }]]);
    expect(placesOf(501)).toEqual([undefined]);
  });

  it.each([
    ['a null', 'subscription', '@skip(if: null)', /null/],
    ['a wrong value', 'subscription', '@include(if: "yes")', /"yes"/],
    ['no value', 'subscription', '@include', /"if"/],
    ['a variable', 'subscription ($s: Boolean!)', '@skip(if: $s)', /\$s/],
    ['a variable that is not declared', 'subscription', '@skip(if: $t)', /\$t/],
  ])(
    'a document whose subscription skips its field by %s is rejected, because graphql looks at that before it knows the value',
    (_, head, directive, named) => {
      for (const text of [
        `${head} { courseCountsChanged ${directive} { courseId } }`,
        `${head} { ... ${directive} { courseCountsChanged { courseId } } }`,
        `${head} { ...A } fragment A on Subscription { courseCountsChanged ${directive} { courseId } }`,
      ]) {
        const [first, ...others] = refusal(text)!;
        expect([first![0], others], text).toEqual(['GRAPHQL_VALIDATION_FAILED', []]);
        expect(first![1]).toMatch(
          /^The field of a subscription cannot be left out by this directive: .* Leave the directive out\.$/,
        );
        expect(first![1]).toMatch(named);
      }
      expect(refusal('subscription { courseCountsChanged @skip(if: false) { courseId } }')).toBeNull();
    },
  );

  it('a document with too many fields of one name to compare is too costly', () => {
    expect(refusal(`{ ${times(12, () => `... { ${'__typename '.repeat(100)} }`)} }`)).toEqual([
      ['QUERY_TOO_COSTLY', 'The operation has too many fields of one name to compare. Ask for each once.'],
    ]);
  });

  it('a document may ask for the schema only where that is allowed, and is told in our words', () => {
    expect(refusal('{ __schema { queryType { name } } }')).toBeNull();
    const hidden = readDocument('{ __schema { queryType { name } } }', {
      ...rules,
      introspection: false,
    }) as GraphQLError[];
    expect(new Set(hidden.map(({ message }) => message))).toEqual(
      new Set([
        'This server does not tell its schema (__schema, __type). Read the file schema/schema.graphql, or have the server started with INTROSPECTION=on.',
      ]),
    );
  });
});

describe('an operation', () => {
  it('the number of values in the arguments of an operation is limited, and those of fragments count at each use', () => {
    const query = (spreads: number) =>
      `{ ${'...F '.repeat(spreads)} } fragment F on Query { courses(filter: { ids: [${'1 '.repeat(97)}] }) { totalCount } }`; // 97 ids, their list and its object.
    expect(assessed(query(MAX_VALUES / 99 - 3)).refusal).toBeNull();
    expect(assessed(query(MAX_VALUES / 99 + 1)).refusal!.message).toBe(
      `The operation has more than ${MAX_VALUES} values in its arguments, those of fragments counted at each place. Send lists as variables.`,
    );
  });

  it('an operation whose fragments use each other twice at each of 60 steps is rejected without following each path', () => {
    const growing = `{ ...F0 } ${times(60, index => `fragment F${index} on Query { ...F${index + 1} ... { ...F${index + 1} } }`)} fragment F60 on Query { courses(filter: { ids: [1, 2] }) { totalCount } }`;
    expect(assessed(growing).refusal!.extensions['code']).toBe('QUERY_TOO_COSTLY');
  });

  it('an introspection costs by what it asks for, so that explorers may send it and 45 times all of it may not', () => {
    const schemaOf = getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true, specifiedByUrl: true });
    const { cost, refusal: none } = assessed(schemaOf);
    expect(none).toBeNull();
    expect(cost).toBeGreaterThan(10_000);
    expect(cost).toBeLessThan(25_000);
    expect(assessed('{ __typename }').cost).toBe(1);
    expect(assessed('{ __type(name: "Course") { name } }').cost).toBe(5000);
    expect(
      assessed(
        `{ __schema { ${times(45, index => `a${index}: types { name fields { name args { name description type { name } } type { name } } }`)} } }`,
      ).refusal!.extensions['code'],
    ).toBe('QUERY_TOO_COSTLY');
  });
});
