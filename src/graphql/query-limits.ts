import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth';
import { GraphQLError, Kind, TypeInfo, validate, ValidationContext, type DocumentNode, type OperationDefinitionNode } from 'graphql';
import { createComplexityRule, fieldExtensionsEstimator, type ComplexityEstimator } from 'graphql-query-complexity';
import type { DocumentLimits } from './documents.js';
import { codedError } from './errors.js';
import { introspectionCost } from './introspection-cost.js';
import type { TableSizes } from '../services/reader/index.js';
import type { Viewer } from '../services/viewer.js';
import { writtenValues } from './operation-shape.js';
import { costOf } from './query-cost.js';
import { readCostOf, type ReadCost } from './read-cost.js';
import { coerceVariables, MAX_VALUES, type OperationVariables, type Variables } from './variables.js';

/** Limits the fields of an operation, those of a fragment counted at each place: so long does reckoning the cost take at most. */
const MOST_FIELDS = 10_000;
/** The values of lists in arguments that cost a point. */
const LIST_VALUES_PER_POINT = 10;

/** Says how deep an operation may be, in fields within each other, and what it may cost; see query-cost.ts. */
export interface QueryLimits extends DocumentLimits {
  readonly maxDepth: number;
  readonly maxCost: number;
  /** The sizes of the tables, by which reading is priced. */
  readonly sizes: { readonly current: TableSizes };
}

/** Is a valid operation, with what was sent along. */
export interface SentOperation extends OperationVariables {
  /** Whether errors leave out guesses at names of the schema. */
  readonly hidesSchema?: boolean;
  /** The viewer that sends it: what is read depends on what the viewer may see. */
  readonly viewer: Viewer | null;
}

/** Holds what is known of an operation without its variables: a text that was seen before is parsed only once. */
const known = new WeakMap<OperationDefinitionNode, { readonly depth: number; readonly written: number }>();

/** What is known of an operation before anything of it runs. */
export interface Assessment {
  /** What the operation can cost at most, in points; 0 where it is refused before its cost is known. */
  readonly cost: number;
  /** Why the operation is not run; null where it may run. */
  readonly refusal: GraphQLError | null;
  /** All that is wrong with it: several mistakes in variables are told at once, the first of which is `refusal`. */
  readonly refusals: readonly GraphQLError[];
  /** The variables to run it with, within their limits; none where it is refused. */
  readonly variables: Variables;
}

/** Returns what an operation can cost and whether it may run: it may be too deep or too costly, or a variable or an argument may have a value that is never valid. */
export function assessOperation(sent: SentOperation, { maxDepth, maxCost, sizes }: QueryLimits): Assessment {
  const { depth, written } = formOf(sent);
  if (depth > maxDepth) return refused(codedError('QUERY_TOO_DEEP', `The operation is ${depth} fields deep, and ${maxDepth} are allowed. Ask for what is further down in an operation of its own, by its id.`));
  if (written > MAX_VALUES) return refused(codedError('QUERY_TOO_COSTLY', `The operation has more than ${MAX_VALUES} values in its arguments, those of fragments counted at each place. Send lists as variables.`));
  const variables = coerceVariables(sent);
  if (variables.mistakes) return refused(...variables.mistakes);
  const answer = costIn(sent, variables.coerced);
  if (answer instanceof GraphQLError) return refused(answer);
  const reading = readCostOf({ ...sent, variables: variables.coerced, sizes: sizes.current });
  const cost = answer.points + reading.points;
  if (cost > maxCost) return { ...refused(tooCostly(cost, maxCost, answer, reading)), cost };
  return { cost, refusal: null, refusals: [], variables: variables.sent };
}

function refused(...refusals: readonly GraphQLError[]): Assessment {
  return { cost: 0, refusal: refusals[0]!, refusals, variables: {} };
}

/** Returns the error of an operation that costs too much: it names the field that costs most, and says what makes that cheaper. */
function tooCostly(cost: number, maxCost: number, { dearest }: AnswerCost, { dearest: read }: ReadCost): GraphQLError {
  const most = read && read.points > (dearest?.points ?? 0) ? read : { field: '', points: 0, ...dearest, advice: 'Ask for smaller pages by "first", or for less at once.' };
  return codedError('QUERY_TOO_COSTLY', `The operation can cost ${Math.ceil(cost)}, and ${maxCost} is allowed. The most of it, ${Math.ceil(most.points)}, is for "${most.field}". ${most.advice}`);
}

function formOf({ schema, document, operation }: SentOperation): { depth: number; written: number } {
  const form = known.get(operation);
  if (form) return form;
  const alone: DocumentNode = { kind: Kind.DOCUMENT, definitions: document.definitions.filter(one => one === operation || one.kind === Kind.FRAGMENT_DEFINITION) };
  let depth = 0;
  // Without a limit, for the rule to tell the depth whatever it is, and for the message to be ours.
  validate(schema, alone, [maxDepthRule({ n: Infinity, flattenFragments: true, onAccept: [(_context, { n }: { n: number }) => (depth = n)] })]);
  const made = { depth, written: writtenValues(operation, document) };
  known.set(operation, made);
  return made;
}

/** What the values of an answer cost. */
interface AnswerCost {
  readonly points: number;
  /** The field of the operation itself that costs most with all that is selected of it, by its type and name. */
  readonly dearest: { readonly field: string; readonly points: number } | null;
}

/**
 * Returns the cost of the answer, or the error of an argument. The package's visitor is given the variables as they are, and not
 * called by its getComplexity(), which coerces them without any limit of errors.
 */
function costIn({ schema, document, operation }: SentOperation, coerced: Variables): AnswerCost | GraphQLError {
  const root = schema.getRootType(operation.operation) ?? undefined;
  let dearest: AnswerCost['dearest'] = null;
  const noted = (estimator: ComplexityEstimator): ComplexityEstimator => options => {
    const points = estimator(options);
    if (typeof points === 'number' && options.type === root && points > (dearest?.points ?? 0)) dearest = { field: `${root.name}.${options.field.name}`, points };
    return points;
  };
  const context = new ValidationContext(schema, document, new TypeInfo(schema), error => {
    throw error; // The first is told; each further one would be made and thrown away.
  });
  const listed = new WeakMap<object, number>();
  const estimators = [fieldExtensionsEstimator(), introspectionCost(schema), costOf].map(estimator => noted(withLists(estimator, listed)));
  const visitor = createComplexityRule({ estimators, maximumComplexity: Infinity, maxQueryNodes: MOST_FIELDS })(context);
  visitor.variableValues = coerced;
  try {
    return { points: visitor.nodeComplexity(operation, root), dearest };
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    if (!error.nodes) return codedError('QUERY_TOO_COSTLY', `The operation selects more than ${MOST_FIELDS} fields, those of fragments counted at each place. Ask for less at once.`);
    // Else whoever sends one such argument could ask for anything beside it.
    return new GraphQLError(error.message, { nodes: error.nodes, extensions: codedError('BAD_USER_INPUT', '').extensions });
  }
}

/** Returns the same estimator, but the values of lists in arguments cost too, at each place where the field is asked for. */
function withLists(estimator: ComplexityEstimator, listed: WeakMap<object, number>): ComplexityEstimator {
  return options => {
    const cost = estimator(options);
    return typeof cost === 'number' ? cost + Math.floor(listValuesIn(options.args, listed) / LIST_VALUES_PER_POINT) : cost;
  };
}

/** Returns how many values are in the lists of a value; of a list or object that was seen before, as a variable is at each of its places, what is known of it. */
function listValuesIn(value: unknown, listed: WeakMap<object, number>): number {
  if (typeof value !== 'object' || value === null || value instanceof Date) return 0;
  const seen = listed.get(value);
  if (seen !== undefined) return seen;
  const parts: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  const count = parts.reduce<number>((sum, part) => sum + listValuesIn(part, listed), Array.isArray(value) ? value.length : 0);
  listed.set(value, count);
  return count;
}
