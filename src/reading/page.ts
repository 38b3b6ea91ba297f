import type { ExpressionBuilder, ReferenceExpression, SelectQueryBuilder, SqlBool, Expression } from 'kysely';
import type { Tables } from '../database/tables.js';

/** Asks for one page: `first` rows after a cursor, or `last` rows before one. */
export interface PageRequest {
  readonly size: number;
  readonly backward: boolean;
  readonly after: Position | null;
  readonly before: Position | null;
}

/** Points between two rows: the sort value and the id of the row beside it, raw as the database gave them. */
export interface Position {
  readonly value: string | number;
  readonly id: number;
}

/** Orders rows by a column, and by id where that is equal, so that the order is total. */
export interface Ordering {
  /** Names the list, so that its cursors can be told from those of others. */
  readonly list: string;
  readonly field: string;
  readonly column: string;
  readonly descending: boolean;
}

/** Holds one page of rows in the order asked for. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

/**
 * Restricts a query to a page by keyset: rows are found by where they are, not by how many come before them, so pages
 * stay right while rows come and go. One row more than asked for tells whether there is another page.
 */
export function paged<DB extends Tables, Table extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, Table, Row>,
  order: Ordering,
  page: PageRequest,
): SelectQueryBuilder<DB, Table, Row> {
  const direction = fromEnd(order, page) ? 'desc' : 'asc';
  const restricted = between(query, order, page);
  const sorted = order.column === 'id' ? restricted : restricted.orderBy(order.column as never, direction);
  return sorted.orderBy('id' as never, direction).limit(page.size + 1);
}

/** Returns true where a page begins with the highest row. */
export function fromEnd({ descending }: Ordering, { backward }: PageRequest): boolean {
  return descending !== backward;
}

/** Restricts a query to the rows between a page's cursors. */
export function between<DB extends Tables, Table extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, Table, Row>,
  { column, descending }: Ordering,
  { after, before }: PageRequest,
): SelectQueryBuilder<DB, Table, Row> {
  const key = column as ReferenceExpression<DB, Table>;
  const id = 'id' as ReferenceExpression<DB, Table>;
  const beyond =
    ({ value, id: atId }: Position, greater: boolean) =>
    (eb: ExpressionBuilder<DB, Table>): Expression<SqlBool> => {
      const operator = greater ? '>' : '<';
      const later = eb(id, operator, atId as never);
      if (column === 'id') return later;
      return eb.or([eb(key, operator, value as never), eb.and([eb(key, '=', value as never), later])]);
    };
  let restricted = query;
  if (after) restricted = restricted.where(beyond(after, !descending));
  if (before) restricted = restricted.where(beyond(before, descending));
  return restricted;
}

/** Gives the page from the rows that a paged query found. */
export function pageOf<Row>(found: readonly Row[], { size, backward, after, before }: PageRequest): Page<Row> {
  const more = found.length > size;
  const kept = found.slice(0, size);
  return {
    rows: backward ? kept.reverse() : kept,
    hasNextPage: backward ? before !== null : more,
    hasPreviousPage: backward ? more : after !== null,
  };
}
