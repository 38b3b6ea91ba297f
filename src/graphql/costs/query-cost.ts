/**
 * The cost of each field, before anything runs: one for each value that the answer can have, and more if the database
 * computes or changes something for it. By default a field costs as often as it can appear, so a page costs its size
 * times its selection, and each alias costs separately.
 */
import { isListType, getNullableType, type GraphQLField } from 'graphql';
import type { ComplexityEstimator } from 'graphql-query-complexity';
import { MAX_COURSES_OF_SUBSCRIPTION } from '../../live-counts/index.js';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../lists/pagination.js';

/** The additional cost of computing a count for one course, compared with a stored value. */
const COMPUTED_COUNT_POINTS = 10;
/** The cost of a mutation itself: a transaction, with its locks. */
const MUTATION_POINTS = 500;
/** The assumed number of entries of a list without a size in its arguments. */
const ASSUMED_LIST_LENGTH = 10;

/** Returns the default cost of a field. */
export const costOf: ComplexityEstimator = ({ type, field, args, childComplexity }) => {
  const own = type.name === 'Mutation' ? MUTATION_POINTS : 1;
  return own + timesInAnswer(type.name, field, args) * childComplexity;
};

/** Returns the cost of a computed count, or of a list of them. */
export const costOfComputed: ComplexityEstimator = options => COMPUTED_COUNT_POINTS + costOf(options)!;

/** Returns the cost of a mutation whose payload has one entry for each student of its input. */
export const costOfEnrollMany: ComplexityEstimator = ({ args, childComplexity }) =>
  MUTATION_POINTS +
  Math.max(1, (args['input'] as { studentIds: readonly string[] }).studentIds.length / ASSUMED_LIST_LENGTH) *
    childComplexity;

/** The arguments for the size of a page. */
interface PageSize {
  readonly first?: number | null;
  readonly last?: number | null;
}

/** Returns how many rows a page has at most. */
export function pageSizeOf({ first, last }: PageSize): number {
  // The field itself rejects sizes that pages cannot have.
  return Math.min(Math.max(first ?? last ?? DEFAULT_PAGE_SIZE, 1), MAX_PAGE_SIZE);
}

/** Returns the cost of a subscription: that of its first messages, one for each course. */
export const costOfFirstMessages: ComplexityEstimator = ({ args, childComplexity }) =>
  messagesOf(args) * (1 + childComplexity);

/** Returns how many first messages a subscription has. */
export function messagesOf(args: Readonly<Record<string, unknown>>): number {
  return (args['courseIds'] as readonly string[] | null | undefined)?.length ?? MAX_COURSES_OF_SUBSCRIPTION;
}

/** Returns true for the name of a connection type. */
export function isConnectionName(name: string): boolean {
  return name.endsWith('Connection');
}

/** Returns how often the selection of a field can be in the answer. */
export function timesInAnswer(parent: string, field: GraphQLField<unknown, unknown>, args: PageSize): number {
  if (field.args.some(({ name }) => name === 'first')) return pageSizeOf(args);
  // The entries of a page are counted with the page, whose arguments have its size.
  if (isConnectionName(parent)) return 1;
  return isListType(getNullableType(field.type)) ? ASSUMED_LIST_LENGTH : 1;
}
