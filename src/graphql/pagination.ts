import { ArgsType, Field, Int } from 'type-graphql';
import { isStoredMoment, type Ordering, type Page, type PageRequest, type Position } from '../services/reader/index.js';
import { badUserInput } from './errors.js';

const DEFAULT_SIZE = 20;
const MOST = 100;

/** Tells for each order whether a value can be one of its column: a cursor that somebody made up must not reach the database. */
const isValueOf: Record<string, (value: string | number) => boolean> = {
  ID: Number.isSafeInteger,
  TITLE: value => typeof value === 'string' && !value.includes('\0'),
  TOTAL_ENROLLMENTS: Number.isSafeInteger,
  CREATED_AT: isStoredMoment,
  ENROLLED_AT: isStoredMoment,
};

/** Chooses a page, as Relay's connections do. */
@ArgsType()
export class PageArgs {
  @Field(() => Int, { nullable: true, description: 'The first so many, 20 by default, 100 at most.' })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'Only what comes after this cursor.' })
  after?: string | null;

  @Field(() => Int, { nullable: true, description: 'The last so many, 100 at most; not together with first.' })
  last?: number | null;

  @Field(() => String, { nullable: true, description: 'Only what comes before this cursor.' })
  before?: string | null;
}

/** Is a connection before its type's field resolvers take over; `count` runs only when totalCount is selected. */
export interface Connection<Row> extends Page<Row> {
  readonly order: Ordering;
  count(): Promise<number>;
}

/** Is a row with the value that its page is ordered by, where that is not the id. */
type Sorted = { readonly id: number; readonly sort?: string | number };

/** Gives the page that the arguments ask for; errors: BAD_USER_INPUT for sizes and cursors that make no sense. */
export function pageRequest({ first, after, last, before }: PageArgs, order: Ordering): PageRequest {
  if (first != null && last != null) throw badUserInput('first, last', `${first} and ${last} contradict each other; give one of them.`);
  const [name, size] = last != null ? (['last', last] as const) : (['first', first ?? DEFAULT_SIZE] as const);
  if (size < 0 || size > MOST) throw badUserInput(name, `${size} is not from 0 to ${MOST}.`);
  return { size, backward: last != null, after: positionOf('after', after, order), before: positionOf('before', before, order) };
}

/** Gives the cursor of a row in an ordering: opaque to callers. */
export function cursorOf(row: Sorted, { field }: Ordering): string {
  return Buffer.from(JSON.stringify([field, row.sort ?? row.id, row.id])).toString('base64url');
}

/** Gives the rows of a page with their cursors. */
export function edgesOf<Row extends Sorted>({ rows, order }: Connection<Row>): { cursor: string; node: Row }[] {
  return rows.map(node => ({ cursor: cursorOf(node, order), node }));
}

/** Says where a page stands among all. */
export function pageInfoOf<Row extends Sorted>({ rows, order, hasNextPage, hasPreviousPage }: Connection<Row>): { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null } {
  const [first, last] = [rows[0], rows.at(-1)];
  return { hasNextPage, hasPreviousPage, startCursor: first ? cursorOf(first, order) : null, endCursor: last ? cursorOf(last, order) : null };
}

function positionOf(name: string, cursor: string | null | undefined, { field }: Ordering): Position | null {
  if (cursor == null) return null;
  const parts = partsOf(cursor);
  if (parts && parts[0] !== field) throw badUserInput(name, `this cursor belongs to the order ${parts[0].slice(0, 100)}, not ${field}.`);
  if (!parts || !isValueOf[field]!(parts[1])) throw badUserInput(name, `"${cursor.slice(0, 100)}" is not a cursor of this API.`);
  return { value: parts[1], id: parts[2] };
}

function partsOf(cursor: string): [string, string | number, number] | null {
  const parts = parsed(Buffer.from(cursor, 'base64url').toString());
  if (!Array.isArray(parts) || parts.length !== 3) return null;
  const [field, value, id] = parts as unknown[];
  const sound = typeof field === 'string' && (typeof value === 'string' || Number.isSafeInteger(value)) && Number.isSafeInteger(id);
  return sound ? [field, value as string | number, id as number] : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
