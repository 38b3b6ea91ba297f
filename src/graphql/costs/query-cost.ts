/**
 * Says what each field costs, before anything runs: one for each value that an answer can have, and more where the
 * database computes or changes something for it. A field that says nothing else costs as much as it is shown, so a page
 * costs its size times its selection, and each alias costs by itself.
 */
import { isListType, getNullableType, type GraphQLField } from 'graphql';
import type { ComplexityEstimator } from 'graphql-query-complexity';
import { MAX_COURSES_OF_SUBSCRIPTION } from '../../live-counts/index.js';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../lists/pagination.js';

/** Is what computing a count for one course costs more than a value that is stored. */
const COMPUTED_COUNT_POINTS = 10;
/** Is what a mutation costs by itself: a transaction, with its locks. */
const MUTATION_POINTS = 500;
/** Is how many entries a list is taken to have that has no size in its arguments. */
const ASSUMED_LIST_LENGTH = 10;

/** Gives the cost of a field that says nothing else. */
export const costOf: ComplexityEstimator = ({ type, field, args, childComplexity }) => {
  const own = type.name === 'Mutation' ? MUTATION_POINTS : 1;
  return own + timesInAnswer(type.name, field, args) * childComplexity;
};

/** Gives the cost of a count, or of a list of counts, that is computed. */
export const costOfComputed: ComplexityEstimator = options => COMPUTED_COUNT_POINTS + costOf(options)!;

/** Gives the cost of a mutation whose payload lists one entry for each student of its input. */
export const costOfEnrollMany: ComplexityEstimator = ({ args, childComplexity }) =>
  MUTATION_POINTS +
  Math.max(1, (args['input'] as { studentIds: readonly string[] }).studentIds.length / ASSUMED_LIST_LENGTH) *
    childComplexity;

/** The arguments that say how many rows a page has. */
interface PageSize {
  readonly first?: number | null;
  readonly last?: number | null;
}

/** Returns how many rows a page has at most. */
export function pageSizeOf({ first, last }: PageSize): number {
  // Of sizes that pages cannot have, their field tells.
  return Math.min(Math.max(first ?? last ?? DEFAULT_PAGE_SIZE, 1), MAX_PAGE_SIZE);
}

/** Gives the cost of a subscription: that of its first messages, one for each course. */
export const costOfFirstMessages: ComplexityEstimator = ({ args, childComplexity }) =>
  messagesOf(args) * (1 + childComplexity);

/** Returns how many first messages a subscription has. */
export function messagesOf(args: Readonly<Record<string, unknown>>): number {
  return (args['courseIds'] as readonly string[] | null | undefined)?.length ?? MAX_COURSES_OF_SUBSCRIPTION;
}

/** Returns true for the name of a type that is a page of a list. */
export function isConnectionName(name: string): boolean {
  return name.endsWith('Connection');
}

/** Gives how often what is selected of a field can be in the answer. */
export function timesInAnswer(parent: string, field: GraphQLField<unknown, unknown>, args: PageSize): number {
  if (field.args.some(({ name }) => name === 'first')) return pageSizeOf(args);
  // What a page lists is counted with the page, whose arguments have its size.
  if (isConnectionName(parent)) return 1;
  return isListType(getNullableType(field.type)) ? ASSUMED_LIST_LENGTH : 1;
}
