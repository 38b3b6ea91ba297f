import {
  getNamedType,
  getNullableType,
  getOperationAST,
  GraphQLID,
  GraphQLInputObjectType,
  GraphQLList,
  GraphQLObjectType,
  GraphQLScalarType,
  GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isListType,
  parse,
  type GraphQLInputType,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { NO_ROWS } from '../../src/reading/index.js';
import { assessOperation, type Assessment } from '../../src/graphql/costs/query-limits.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import {
  coerceVariables,
  MAX_LIST_VALUES,
  MAX_VARIABLE_ERRORS,
  MAX_VALUES,
} from '../../src/graphql/documents/variables.js';
import { readDocument } from '../../src/graphql/documents/documents.js';
import { Name, operationFor, type Filling, type Place } from './input-places.js';
import { kindOf, places } from './schema-places.js';
import { expectReadable } from './readable-messages.js';

const schema = graphqlSchema();
const limits = { maxDepth: 12, maxCost: 999_999_999, maxAliases: 50, maxDirectives: 50, sizes: { current: NO_ROWS } };

/** Returns the coerced variables, with their mistakes. */
function coerced(
  text: string,
  variables: object,
  of = schema,
): { messages: string[]; values: Record<string, unknown> | null; sent: Record<string, unknown> | null } {
  const document = parse(text);
  const result = coerceVariables({
    schema: of,
    document,
    operation: getOperationAST(document)!,
    variables: variables as Record<string, unknown>,
  });
  if (result.mistakes) {
    for (const { extensions } of result.mistakes) expect(extensions['code']).toBe('BAD_USER_INPUT');
    return { messages: result.mistakes.map(({ message }) => message), values: null, sent: null };
  }
  return {
    messages: [],
    values: result.coerced,
    sent: result.sent,
  };
}

function assessed(text: string, variables: object = {}): Assessment {
  const document = parse(text);
  return assessOperation(
    {
      schema,
      document,
      operation: getOperationAST(document)!,
      variables: variables as Record<string, unknown>,
      viewer: null,
    },
    limits,
  );
}

const FILTERED = 'query ($filter: CourseFilter) { courses(filter: $filter) { totalCount } }';
const unknownFields = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`field${index}`, 1]));

describe('variables', () => {
  it.each([
    ['2,000 unknown fields', { filter: unknownFields(2000) }],
    ['8,000 unknown fields', { filter: unknownFields(8000) }],
    [
      '10,000 wrong values in a list',
      { filter: { status: Array.from({ length: MAX_LIST_VALUES }, (_, index) => index) } },
    ],
    [
      'fifty names and texts of 20,000 characters',
      {
        filter: {
          ...Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`${index}`.repeat(10_000), 1])),
          isPublished: 'x'.repeat(20_000),
          status: Array.from({ length: 24 }, (_, index) => String(index).repeat(10_000)),
        },
      },
    ],
    ['objects where ids are', { filter: { ids: Array.from({ length: 100 }, () => unknownFields(190)) } }],
  ])(
    'variables with %s have at most 20 mistakes reported, each short, and a note that there are more',
    (_, variables) => {
      const { messages } = coerced(FILTERED, variables);
      expect(messages).toHaveLength(MAX_VARIABLE_ERRORS + 1);
      expect(messages.at(-1)).toBe(
        `The variables have more mistakes than these ${MAX_VARIABLE_ERRORS}. Correct them first.`,
      );
      for (const message of messages) expect(message.length).toBeLessThan(1000);
      expect(messages[0]).toMatch(
        /^Variable "\$filter" got invalid value .+; .+ (is not defined by type "CourseFilter"|cannot represent .*|does not exist in "CourseStatus" enum\.)/s,
      );
    },
  );

  it.each([
    [
      'more values than are allowed',
      { filter: unknownFields(24_000) },
      `The variables hold more than ${MAX_VALUES} values, and ${MAX_VALUES} are allowed, those in lists and objects counted. Send less at once.`,
    ],
    [
      'more values in all than are allowed',
      {
        filter: Object.fromEntries(
          Array.from({ length: 201 }, (_, index) => [`field${index}`, Array.from({ length: 100 }, () => 1)]),
        ),
      },
      `The variables hold more than ${MAX_VALUES} values, and ${MAX_VALUES} are allowed, those in lists and objects counted. Send less at once.`,
    ],
    [
      'a list of 500,000',
      { filter: { ids: Array.from({ length: 500_000 }, () => 1) } },
      `Variable "$filter" has a list of 500000 values at "filter.ids", and ${MAX_LIST_VALUES} are allowed. Send them in several requests.`,
    ],
    [
      'lists within each other',
      { filter: { ids: JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`) as unknown } },
      'The variables hold lists or objects more than 100 deep within each other, and 100 are allowed. Send less at once.',
    ],
    [
      'objects within each other where none is',
      JSON.parse(`{"filter":${'{"title":'.repeat(5000)}1${'}'.repeat(5000)}}`) as object,
      'The variables hold lists or objects more than 100 deep within each other, and 100 are allowed. Send less at once.',
    ],
  ])('variables with %s are rejected by one error', (_, variables, message) => {
    expect(coerced(FILTERED, variables).messages).toEqual([message]);
  });

  it('a long object or list in a variable is quoted by its size, so that the reason fits in the message', () => {
    const texts = (count: number) => Array.from({ length: count }, (_, index) => `a long text ${index} `.repeat(5));
    expect(coerced(FILTERED, { filter: Object.fromEntries(texts(30).map(text => [text, text])) }).messages[0]).toMatch(
      /^Variable "\$filter" got invalid value \{ … 30 fields \}; Field "a long text 0 .+" is not defined by type "CourseFilter"\.$/,
    );
    expect(coerced(FILTERED, { filter: { title: texts(30) } }).messages).toEqual([
      'Variable "$filter" got invalid value [… 30 values] at "filter.title"; Expected type "StringFilter" to be an object.',
    ]);
  });

  it('variables that the operation does not declare are ignored', () => {
    const { values, sent } = coerced('query ($id: ID!) { course(id: $id) { id } }', {
      id: 1,
      other: Array.from({ length: 100_000 }, () => [1]),
    });
    expect([values, sent]).toEqual([{ id: '1' }, { id: 1 }]);
  });

  it('variables may have any name and any key, those of objects too', () => {
    const { values } = coerced(
      'query ($__proto__: ID!, $constructor: ID!) { a: course(id: $__proto__) { id } b: course(id: $constructor) { id } }',
      JSON.parse('{"__proto__": 1, "constructor": 2}') as object,
    );
    expect(Object.entries(values!)).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
    ]);
    expect(coerced(FILTERED, JSON.parse('{"filter":{"__proto__":{"isPublished":true}}}') as object).messages).toEqual([
      expect.stringContaining('Field "__proto__" is not defined by type "CourseFilter".'),
    ]);
    expect(coerced(FILTERED, JSON.parse('{"filter":{"toString":1}}') as object).messages).toEqual([
      expect.stringContaining('Field "toString" is not defined by type "CourseFilter".'),
    ]);
  });

  it('variables get their defaults, and null where they are null', () => {
    const query =
      'query ($first: Int = 3, $after: String, $ids: [ID!] = 5, $status: [CourseStatus!]) { courses(first: $first, after: $after, filter: { ids: $ids, status: $status }) { totalCount } }';
    expect(coerced(query, { after: null, status: 'ACTIVE' }).values).toEqual({
      first: 3,
      after: null,
      ids: ['5'],
      status: ['active'],
    });
  });

  it('each variable is coerced once, and none where there are too many', () => {
    let calls = 0;
    const Counted = new GraphQLScalarType({ name: 'Counted', parseValue: value => ((calls += 1), value) });
    const Part = new GraphQLInputObjectType({
      name: 'Part',
      fields: { values: { type: new GraphQLList(Counted) }, id: { type: GraphQLID } },
    });
    const own = new GraphQLSchema({
      query: new GraphQLObjectType({
        name: 'Query',
        fields: { a: { type: GraphQLID, args: { parts: { type: new GraphQLList(Part) } } } },
      }),
    });
    const query = `query ($parts: [Part]) { ${Array.from({ length: 50 }, (_, index) => `a${index}: a(parts: $parts)`).join(' ')} }`;
    const document = parse(query);
    const assess = (count: number) => {
      calls = 0;
      const variables = {
        parts: Array.from({ length: 100 }, () => ({ values: Array.from({ length: count }, (_, index) => index) })),
      };
      return [
        assessOperation(
          { schema: own, document, operation: getOperationAST(document)!, variables, viewer: null },
          limits,
        ).refusal?.extensions['code'],
        calls,
      ];
    };
    expect(assess(190)).toEqual([undefined, 19_000]);
    expect(assess(200)).toEqual(['BAD_USER_INPUT', 0]);
  });
});

const lists = places.filter(({ type }) => isListType(getNullableType(type)));
const fill: Filling = (coordinate, type) =>
  isEnumType(getNamedType(type)) ? new Name(String(kindOf(coordinate).valid!(null as never))) : '1';
/** Returns a value of the list of a place, as JSON. */
const item = ({ type }: Place): unknown => {
  const named = getNamedType(type);
  return isEnumType(named) ? named.getValues()[0]!.name : isInputObjectType(named) ? {} : '1';
};
const filled = (place: Place, length: number): unknown[] => Array.from({ length }, () => item(place));

describe('a list in an argument', () => {
  it('lists in arguments are at these places of the schema, and these tests reach each of them', () => {
    expect(lists.length).toBeGreaterThan(5);
    // A list of lists or of input objects would need new tests below.
    expect(
      lists.filter(({ type }) =>
        isListType(getNullableType((getNullableType(type) as GraphQLList<GraphQLInputType>).ofType)),
      ),
    ).toEqual([]);
  });

  it.each(lists.map(place => [`${place.field} ${place.path.join('.')}`, place] as const))(
    'a list as a variable has a limit, and the rejection names it with the number of values and the path: %s',
    (_, place) => {
      const isEnum = isEnumType(getNamedType(place.type));
      const values = isEnum
        ? Array.from({ length: MAX_LIST_VALUES + 1 }, (_value, index) => `NONE_${index}`)
        : filled(place, MAX_LIST_VALUES + 1);
      const { query, variables } = operationFor(place, [values], fill);
      const path = ['v0', ...place.path.slice(1)].join('.');
      const { refusals } = assessed(query, variables);
      expect(refusals.map(({ message, extensions }) => [message, extensions])).toEqual([
        [
          `Variable "$v0" has a list of ${MAX_LIST_VALUES + 1} values at "${path}", and ${MAX_LIST_VALUES} are allowed. Send them in several requests.`,
          { code: 'BAD_USER_INPUT', argument: place.path.join('.') },
        ],
      ]);
    },
  );

  it.each(lists.map(place => [`${place.field} ${place.path.join('.')}`, place] as const))(
    'a list accepts a single value as a list of one: %s',
    (_, place) => {
      const { query, variables } = operationFor(place, [item(place)], fill);
      expect(assessed(query, variables).refusal).toBeNull();
    },
  );

  it.each(lists.map(place => [`${place.field} ${place.path.join('.')}`, place] as const))(
    'a literal list has no more values than a document has tokens: %s',
    (_, place) => {
      const named = getNamedType(place.type);
      const literal = isEnumType(named) ? new Name(named.getValues()[0]!.name) : item(place);
      const { query } = operationFor(place, [Array.from({ length: MAX_LIST_VALUES + 1 }, () => literal)], fill, {
        literally: true,
      });
      const read = readDocument(query, { ...limits, schema, introspection: true, hidesSchema: false });
      expect((read as Error[]).map(({ message }) => message)).toEqual([
        'Syntax Error: Document contains more that 5000 tokens. Parsing aborted.',
      ]);
    },
  );

  it.each(lists.map(place => [`${place.field} ${place.path.join('.')}`, place] as const))(
    'a list costs a point for ten values, or has each value of an enum once: %s',
    (_, place) => {
      const cost = (length: number): number => {
        const { query, variables } = operationFor(place, [filled(place, length)], fill);
        const { cost: points, refusal, variables: sent } = assessed(query, variables);
        expect(refusal).toBeNull();
        if (isEnumType(getNamedType(place.type)) && length > 10) expect(JSON.stringify(sent).length).toBeLessThan(300);
        return points;
      };
      if (isEnumType(getNamedType(place.type))) expect(cost(5000)).toBe(cost(1));
      else expect(cost(5000) - cost(1)).toBeGreaterThanOrEqual(500);
    },
  );

  it('a literal list of an enum costs each of its values wherever the field is selected', () => {
    const page = (length: number) =>
      `{ courses(first: 100) { nodes { enrollmentsCount(status: [${'ACTIVE '.repeat(length)}]) { count } } } }`;
    expect(assessed(page(1000)).cost - assessed(page(1)).cost).toBe(100 * 100);
  });

  it('a list in a subscription is limited as it is elsewhere', () => {
    const [args] = Object.values(schema.getSubscriptionType()!.getFields()).map(field =>
      field.args.filter(({ type }) => isListType(getNullableType(type))),
    );
    expect(args!.map(({ name }) => name)).toEqual(['courseIds']);
    const { refusals } = assessed('subscription ($ids: [ID!]) { courseCountsChanged(courseIds: $ids) { courseId } }', {
      ids: Array.from({ length: MAX_LIST_VALUES + 1 }, () => 1),
    });
    expect(refusals.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', argument: 'courseIds' }]);
    for (const { message } of refusals) expectReadable(message);
  });
});
