import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth';
import { GraphQLError, Kind, validate, type DocumentNode, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';
import { fieldExtensionsEstimator, getComplexity } from 'graphql-query-complexity';
import { codedError } from './errors.js';
import { costOf } from './query-cost.js';

/** Limits a document, in tokens: parsing ends there. A thousand ids fit, and as variables any number. */
export const MAX_TOKENS = 5000;
/** Limits the fields of an operation, those of a fragment counted at each place: so long does reckoning the cost take at most. */
const MOST_FIELDS = 10_000;

/** Says how deep an operation may be, in fields within each other, and what it may cost; see query-cost.ts. */
export interface QueryLimits {
  readonly maxDepth: number;
  readonly maxCost: number;
}

/** Is a valid operation, with what was sent along. */
export interface SentOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables?: Record<string, unknown> | null;
}

/** Holds what is known of an operation without its variables: Apollo parses a text that it has seen before only once. */
const known = new WeakMap<OperationDefinitionNode, { readonly depth: number; readonly alone: DocumentNode }>();

/** What is known of an operation before anything of it runs. */
export interface Assessment {
  /** What the operation can cost at most, in points; 0 where it is refused before its cost is known. */
  readonly cost: number;
  /** Why the operation is not run; null where it may run. */
  readonly refusal: GraphQLError | null;
}

/** Returns what an operation can cost and whether it may run: it may be too deep or too costly, or an argument may have a value that is never valid. */
export function assessOperation(sent: SentOperation, { maxDepth, maxCost }: QueryLimits): Assessment {
  const { depth, alone } = formOf(sent);
  if (depth > maxDepth) return { cost: 0, refusal: codedError('QUERY_TOO_DEEP', `The operation is ${depth} fields deep, and ${maxDepth} are allowed. Ask for what is further down in an operation of its own, by its id.`) };
  const cost = costIn(sent, alone);
  if (cost instanceof GraphQLError) return { cost: 0, refusal: cost };
  return { cost, refusal: cost > maxCost ? codedError('QUERY_TOO_COSTLY', `The operation can cost ${Math.ceil(cost)}, and ${maxCost} is allowed. Ask for smaller pages by "first", or for less at once.`) : null };
}

function formOf({ schema, document, operation }: SentOperation): { depth: number; alone: DocumentNode } {
  const form = known.get(operation);
  if (form) return form;
  const alone: DocumentNode = { kind: Kind.DOCUMENT, definitions: document.definitions.filter(one => one === operation || one.kind === Kind.FRAGMENT_DEFINITION) };
  let depth = 0;
  // Without a limit, for the rule to tell the depth whatever it is, and for the message to be ours.
  validate(schema, alone, [maxDepthRule({ n: Infinity, flattenFragments: true, onAccept: [(_context, { n }: { n: number }) => (depth = n)] })]);
  known.set(operation, { depth, alone });
  return { depth, alone };
}

/** Gives the cost, or the error of an argument; 0 where a variable has no valid value, of which its own error tells before anything runs. */
function costIn({ schema, variables }: SentOperation, query: DocumentNode): number | GraphQLError {
  try {
    return getComplexity({ schema, query, variables: variables ?? {}, estimators: [fieldExtensionsEstimator(), costOf], maxQueryNodes: MOST_FIELDS });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const [node] = error.nodes ?? [];
    if (!node) return codedError('QUERY_TOO_COSTLY', `The operation selects more than ${MOST_FIELDS} fields, those of fragments counted at each place. Ask for less at once.`);
    // Else whoever sends one such argument could ask for anything beside it.
    return node.kind === Kind.VARIABLE_DEFINITION ? 0 : new GraphQLError(error.message, { nodes: error.nodes, extensions: codedError('BAD_USER_INPUT', '').extensions });
  }
}
