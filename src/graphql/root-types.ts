import type { GraphQLSchema } from 'graphql';

/**
 * Adds descriptions to the three root types, for which type-graphql has no class that could carry one. Changes and
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
