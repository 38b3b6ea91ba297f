import graphql from '@graphql-eslint/eslint-plugin';

/**
 * Holds schema/schema.graphql to the rules that @graphql-eslint recommends for schemas and to its rules for Relay, with
 * a description on everything. Each exception says why. One more is in eslint-suppressions.json: Count.count and
 * Drift.drift are named after their types, against no-typename-prefix, since either is the one number that its type is
 * about.
 */
export default [
  {
    files: ['schema/schema.graphql'],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: './schema/schema.graphql' } },
    },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      // Stricter than recommended, which asks for descriptions of types and root fields only.
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          rootField: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          EnumValueDefinition: true,
          DirectiveDefinition: true,
        },
      ],
      '@graphql-eslint/strict-id-in-types': [
        'error',
        {
          exceptions: {
            // Wrappers: clients keep what they carry, not them.
            suffixes: ['Connection', 'Edge', 'Payload'],
            // Values: each is a part of the answer it stands in, and is kept under that.
            types: [
              'Count',
              'CourseCountsChange',
              'Drift',
              'EnrollmentStatusCount',
              'PageInfo',
              'RecountChange',
              'UserError',
            ],
          },
        },
      ],
      '@graphql-eslint/relay-edge-types': [
        'error',
        {
          // An id is the number of a row and stands for itself only beside its type, so there is no node(id:) to ask
          // with it.
          shouldImplementNode: false,
          // Lists without pages are short or bounded (userErrors, statuses, the first 10,000 drifts), and each
          // connection has `nodes`, the short way past its edges.
          listTypeCanWrapOnlyEdgeType: false,
        },
      ],
    },
  },
];
