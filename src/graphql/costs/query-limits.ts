import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth';
import { GraphQLError, Kind, validate, type DocumentNode, type OperationDefinitionNode } from 'graphql';
import { answerCostOf, type AnswerCost } from './answer-cost.js';
import type { DocumentLimits } from '../documents/documents.js';
import { codedError } from '../errors/errors.js';
import type { TableSizes } from '../../reading/index.js';
import type { Viewer } from '../../access/viewer.js';
import { writtenValues } from '../documents/operation-shape.js';
import { arePublic } from '../public-operations.js';
import { fieldsIn } from './placed-fields.js';
import { readCostOf, type ReadCost } from './read-cost.js';
import { takenCost } from './taken-cost.js';
import { coerceVariables, MAX_VALUES, type OperationVariables, type Variables } from '../documents/variables.js';

/** The limits of an operation: its depth, in nested fields, and its cost; see query-cost.ts. */
export interface QueryLimits extends DocumentLimits {
  readonly maxDepth: number;
  readonly maxCost: number;
  /** The sizes of the tables, from which the cost of reading is computed. */
  readonly sizes: { readonly current: TableSizes };
}

/** A valid operation, with its variables and its viewer. */
export interface AssessedOperation extends OperationVariables {
  /** Whether errors contain no suggestions of names of the schema. */
  readonly hidesSchema?: boolean;
  /** The viewer who sends it: what is read depends on what the viewer may see. */
  readonly viewer: Viewer | null;
}

/** Measures of operations that do not depend on variables; a known text is parsed and measured only once. */
const knownMeasures = new WeakMap<OperationDefinitionNode, { readonly depth: number; readonly written: number }>();

/** The assessment of an operation before anything of it runs. */
export interface Assessment {
  /** The highest possible cost of the operation, in points; 0 if it is rejected before its cost is known. */
  readonly cost: number;
  /** The reason why the operation does not run; null: it may run. */
  readonly refusal: GraphQLError | null;
  /** All its mistakes: several mistakes in variables are reported at once, the first of which is `refusal`. */
  readonly refusals: readonly GraphQLError[];
  /** The variables to run it with, within their limits; none if it is rejected. */
  readonly variables: Variables;
  /** Returns the points of its cost that were not used, from the data of its answer. */
  readonly unusedBy: (data: unknown) => number;
  /** Returns true if shared caches may store the answer to a viewer without a token. */
  readonly isPublic: () => boolean;
}

/**
 * Returns the possible cost of an operation and whether it may run: it may be too deep or too costly, or a variable or
 * an argument may have a value that is never valid.
 */
export function assessOperation(sent: AssessedOperation, { maxDepth, maxCost, sizes }: QueryLimits): Assessment {
  const { depth, written } = formOf(sent);
  if (depth > maxDepth)
    return refusedAssessment(
      codedError(
        'QUERY_TOO_DEEP',
        `The operation is ${depth} fields deep, and ${maxDepth} are allowed. Ask for what is further down in an operation of its own, by its id.`,
      ),
    );
  if (written > MAX_VALUES)
    return refusedAssessment(
      codedError(
        'QUERY_TOO_COSTLY',
        `The operation has more than ${MAX_VALUES} values in its arguments, those of fragments counted at each place. Send lists as variables.`,
      ),
    );
  const variables = coerceVariables(sent);
  if (variables.mistakes) return refusedAssessment(...variables.mistakes);
  const answer = answerCostOf(sent, variables.coerced);
  if (answer instanceof GraphQLError) return refusedAssessment(answer);
  const fields = fieldsIn({ ...sent, variables: variables.coerced });
  const reading = { viewer: sent.viewer, sizes: sizes.current };
  const read = readCostOf(fields, reading);
  const cost = answer.points + read.points;
  if (cost > maxCost) return { ...refusedAssessment(tooCostly(cost, maxCost, answer, read)), cost };
  let isPublic: boolean | undefined;
  let taken: ((data: unknown) => number) | undefined;
  return {
    cost,
    refusal: null,
    refusals: [],
    variables: variables.sent,
    unusedBy: data => Math.max(0, cost - (taken ??= takenCost(fields, reading))(data)),
    isPublic: () => (isPublic ??= arePublic(fields)),
  };
}

function refusedAssessment(...refusals: readonly GraphQLError[]): Assessment {
  return { cost: 0, refusal: refusals[0]!, refusals, variables: {}, unusedBy: () => 0, isPublic: () => false };
}

/**
 * Returns the error of an operation that costs too much: it names the most expensive field, and says how to make it
 * cheaper.
 */
function tooCostly(cost: number, maxCost: number, { dearest }: AnswerCost, { dearest: read }: ReadCost): GraphQLError {
  const most =
    read && read.points > (dearest?.points ?? 0)
      ? read
      : { field: '', points: 0, ...dearest, advice: 'Ask for smaller pages by "first", or for less at once.' };
  return codedError(
    'QUERY_TOO_COSTLY',
    `The operation can cost ${Math.ceil(cost)}, and ${maxCost} is allowed. The most of it, ${Math.ceil(most.points)}, is for "${most.field}". ${most.advice}`,
  );
}

function formOf({ schema, document, operation }: AssessedOperation): { depth: number; written: number } {
  const form = knownMeasures.get(operation);
  if (form) return form;
  const alone: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: document.definitions.filter(one => one === operation || one.kind === Kind.FRAGMENT_DEFINITION),
  };
  let depth = 0;
  // Without a limit, so that the rule reports any depth, and the message is ours.
  validate(schema, alone, [
    maxDepthRule({ n: Infinity, flattenFragments: true, onAccept: [(_context, { n }: { n: number }) => (depth = n)] }),
  ]);
  const made = { depth, written: writtenValues(operation, document) };
  knownMeasures.set(operation, made);
  return made;
}
