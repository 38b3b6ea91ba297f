import graphql from '@graphql-eslint/eslint-plugin';

/** Holds schema/schema.graphql to @graphql-eslint's recommended rules and to Relay's, with descriptions everywhere; each exception says why. */
export default [
  {
    files: ['schema/*.graphql'],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: './schema/schema.graphql' } } },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      '@graphql-eslint/require-description': ['error', { types: true, rootField: true, FieldDefinition: true, InputValueDefinition: true, EnumValueDefinition: true, DirectiveDefinition: true }],
      '@graphql-eslint/alphabetize': ['error', { definitions: true, fields: ['ObjectTypeDefinition', 'InputObjectTypeDefinition'], values: true, arguments: ['FieldDefinition'] }],
    },
  },
];
