import type { KnownOperationRules } from '../../src/graphql/documents/known-operation.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import { NO_ROWS } from '../../src/reading/index.js';

/** The rules for documents of a server with the usual limits and an empty database. */
export const documentRules: KnownOperationRules = {
  schema: graphqlSchema(),
  maxDepth: 12,
  maxCost: 50_000,
  maxAliases: 7,
  maxDirectives: 9,
  introspection: true,
  hidesSchema: false,
  sizes: { current: NO_ROWS },
};
