import { ArgsType, Field } from 'type-graphql';
import type { Ordering, Page, PageRequest } from '../../reading/index.js';
import { cursorOf, positionOf, type Sorted } from './cursors.js';
import { badUserInput } from '../errors/errors.js';
import { Int } from '../int.js';

/** The default and the largest size of a page. */
export const DEFAULT_PAGE_SIZE = 20;
export const MAX_PAGE_SIZE = 100;

/** The arguments of a page, as in Relay's connections. */
@ArgsType()
export class PageArgs {
  @Field(() => Int, { nullable: true, description: 'How many entries from the start, 20 by default, 100 at most.' })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'Only entries after this cursor.' })
  after?: string | null;

  @Field(() => Int, {
    nullable: true,
    description: 'How many entries from the end, 100 at most; not together with first.',
  })
  last?: number | null;

  @Field(() => String, { nullable: true, description: 'Only entries before this cursor.' })
  before?: string | null;
}

/** A connection before its field resolvers run; `count` runs only when totalCount is selected. */
export interface Connection<Row> extends Page<Row> {
  readonly order: Ordering;
  /**
   * The rows of the page that are shown: without those that were deleted while it was read. The page's own cursors
   * include these.
   */
  readonly shown: readonly Row[];
  readonly count: () => Promise<number>;
}

/** Returns the page that the arguments request. Errors: BAD_USER_INPUT for invalid sizes and cursors. */
export function pageRequest({ first, after, last, before }: PageArgs, order: Ordering): PageRequest {
  if (first != null && last != null)
    throw badUserInput('first, last', `${first} and ${last} contradict each other; give one of them.`);
  const [name, size] = last != null ? (['last', last] as const) : (['first', first ?? DEFAULT_PAGE_SIZE] as const);
  if (size < 0 || size > MAX_PAGE_SIZE)
    throw badUserInput(name, `${size} is not from 0 to ${MAX_PAGE_SIZE}; ask for more in several pages.`);
  return {
    size,
    backward: last != null,
    after: positionOf('after', after, order),
    before: positionOf('before', before, order),
  };
}

/** Returns a connection whose rows are counted at most once, however often its `totalCount` is selected. */
export function connectionOf<Row>(
  page: Page<Row>,
  order: Ordering,
  count: () => Promise<number>,
  shown = page.rows,
): Connection<Row> {
  let counted: Promise<number> | undefined;
  return { ...page, order, shown, count: () => (counted ??= count()) };
}

/** Returns the rows of a page with their cursors. */
export function edgesOf<Row extends Sorted>({ shown, order }: Connection<Row>): { cursor: string; node: Row }[] {
  return shown.map(node => ({ cursor: cursorOf(node, order), node }));
}

/** Returns the position of a page in its list. */
export function pageInfoOf<Row extends Sorted>({
  rows,
  order,
  hasNextPage,
  hasPreviousPage,
}: Connection<Row>): {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  startCursor: string | null;
  endCursor: string | null;
} {
  const [first, last] = [rows[0], rows.at(-1)];
  return {
    hasNextPage,
    hasPreviousPage,
    startCursor: first ? cursorOf(first, order) : null,
    endCursor: last ? cursorOf(last, order) : null,
  };
}
