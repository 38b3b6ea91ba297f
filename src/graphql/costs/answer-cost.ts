/**
 * The cost of the values of an answer, computed before the operation runs by the package graphql-query-complexity, with
 * the prices of query-cost.ts and a price for the values of lists in arguments.
 */
import { GraphQLError, TypeInfo, ValidationContext } from 'graphql';
import { createComplexityRule, fieldExtensionsEstimator, type ComplexityEstimator } from 'graphql-query-complexity';
import { codedError } from '../errors/errors.js';
import { introspectionCost } from './introspection-cost.js';
import type { PlacedField } from './placed-fields.js';
import { costOf } from './query-cost.js';
import type { OperationVariables, Variables } from '../documents/variables.js';

/**
 * The most fields of an operation, those of a fragment counted at each place; it limits the time of computing the
 * cost.
 */
const MAX_SELECTED_FIELDS = 10_000;
/** The values of lists in arguments that cost a point. */
const LIST_VALUES_PER_POINT = 10;

/** How many values are in each list or object that was counted before. */
const countedItems = new WeakMap<object, number>();
/** The estimator that uses the price in a field's own declaration. */
const fromExtensions = fieldExtensionsEstimator();
const ownEstimator = withLists(options => fromExtensions(options) ?? costOf(options));

/** The cost of the values of an answer. */
export interface AnswerCost {
  readonly points: number;
  /** The root field that costs most together with its selection, by its type and name. */
  readonly dearest: { readonly field: string; readonly points: number } | null;
}

/**
 * Returns the cost of the answer, or the error of an argument. It passes the variables to the package's visitor as they
 * are, because the package's getComplexity() would coerce them without a limit of errors.
 */
export function answerCostOf(
  { schema, document, operation }: OperationVariables,
  coerced: Variables,
): AnswerCost | GraphQLError {
  const root = schema.getRootType(operation.operation) ?? undefined;
  let dearest: AnswerCost['dearest'] = null;
  const noted =
    (estimator: ComplexityEstimator): ComplexityEstimator =>
    options => {
      const points = estimator(options);
      if (typeof points === 'number' && options.type === root && points > (dearest?.points ?? 0))
        dearest = { field: `${root.name}.${options.field.name}`, points };
      return points;
    };
  const context = new ValidationContext(schema, document, new TypeInfo(schema), error => {
    throw error; // Only the first is reported; further ones would be made and discarded.
  });
  const estimators = [fromExtensions, introspectionCost(schema), costOf].map(estimator => noted(withLists(estimator)));
  const visitor = createComplexityRule({ estimators, maximumComplexity: Infinity, maxQueryNodes: MAX_SELECTED_FIELDS })(
    context,
  );
  visitor.variableValues = coerced;
  try {
    return { points: visitor.nodeComplexity(operation, root), dearest };
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    if (!error.nodes)
      return codedError(
        'QUERY_TOO_COSTLY',
        `The operation selects more than ${MAX_SELECTED_FIELDS} fields, those of fragments counted at each place. Ask for less at once.`,
      );
    // The operation is rejected here, because it has no cost: otherwise it could request anything beside such an
    // argument.
    return new GraphQLError(error.message, {
      nodes: error.nodes,
      extensions: codedError('BAD_USER_INPUT', '').extensions,
    });
  }
}

/** Returns the cost of a field at one place without its selection, in points. */
export function ownPointsOf({ type, field, node, args }: PlacedField): number {
  return ownEstimator({ type, field, node, args, childComplexity: 0 }) ?? 0;
}

/**
 * Returns an estimator that adds the cost of the values of lists in arguments, at each place where the field is
 * selected.
 */
function withLists(estimator: ComplexityEstimator): ComplexityEstimator {
  return options => {
    const cost = estimator(options);
    return typeof cost === 'number' ? cost + Math.floor(listValuesIn(options.args) / LIST_VALUES_PER_POINT) : cost;
  };
}

/**
 * Returns how many values are in the lists of a value. The result for a list or object is cached, because a variable
 * appears at several places.
 */
function listValuesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null || value instanceof Date) return 0;
  const seen = countedItems.get(value);
  if (seen !== undefined) return seen;
  const parts: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  const count = parts.reduce<number>((sum, part) => sum + listValuesIn(part), Array.isArray(value) ? value.length : 0);
  countedItems.set(value, count);
  return count;
}
