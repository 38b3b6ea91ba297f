import type { GraphQLSchema } from 'graphql';

/**
 * Describes the three root types, which type-graphql makes without a class that could carry a description; changes and
 * returns the schema.
 */
export function describeRootTypes(schema: GraphQLSchema): GraphQLSchema {
  const descriptions = [
    [schema.getQueryType(), 'What can be read; each viewer gets what they may see.'],
    [
      schema.getMutationType(),
      'What can be done, one after the other; what the caller can fix comes as userErrors in the payload.',
    ],
    [schema.getSubscriptionType(), 'What can be followed as it changes.'],
  ] as const;
  for (const [type, description] of descriptions) if (type) type.description = description;
  return schema;
}
