import type { Key, KeyForm } from '../entities/index.js';
import {
  sql,
  type ExpressionBuilder,
  type ReferenceExpression,
  type SelectQueryBuilder,
  type SqlBool,
  type Expression,
} from 'kysely';
import { dialectOf, type Database } from '../database/database.js';
import type { PlaceFor } from '../database/known-statements.js';
import type { Tables } from '../database/tables.js';

/** A request for one page: `first` rows after a cursor, or `last` rows before one. */
export interface PageRequest {
  readonly size: number;
  readonly backward: boolean;
  readonly after: Position | null;
  readonly before: Position | null;
}

/** A place between two rows: the sort value and the id of the row beside it, in the raw form of the database. */
export interface Position {
  readonly value: string | number;
  readonly id: Key;
}

/** An order of rows by a column, and by id where that is equal, so that the order is total. */
export interface Ordering<Column extends string = string> {
  /** The name of the list, by which its cursors differ from those of other lists. */
  readonly list: string;
  /** What the keys of its rows are; numbers if left out. */
  readonly keys?: KeyForm;
  readonly field: string;
  readonly column: Column;
  readonly descending: boolean;
}

/** What a row of a page has in addition to its columns: the raw value by which the page is ordered, for its cursor. */
export interface Sortable {
  readonly sort?: string | number;
}

/** One page of rows in the requested order. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

/**
 * Restricts a query to a page by keyset: rows are found by their values, not by how many come before them, so pages
 * stay correct while rows come and go. One extra row shows whether there is another page.
 */
export function paged<DB extends Tables, Table extends keyof DB, Row>(
  database: Database,
  query: SelectQueryBuilder<DB, Table, Row>,
  order: Ordering,
  page: PageRequest,
): SelectQueryBuilder<DB, Table, Row> {
  // In the text: MariaDB accepts no prepared limit from this driver, which sends numbers as DOUBLE.
  return sorted(betweenCursors(database, query, order, page), order, page).limit(sql.lit(page.size + 1));
}

/** Returns a query with the order in which a page is read: backward if it is before a cursor. */
export function sorted<DB extends Tables, Table extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, Table, Row>,
  order: Ordering,
  page: PageRequest,
): SelectQueryBuilder<DB, Table, Row> {
  const direction = fromEnd(order, page) ? 'desc' : 'asc';
  const byColumn = order.column === 'id' ? query : query.orderBy(order.column as never, direction);
  return byColumn.orderBy('id' as never, direction);
}

/** Returns what of a page determines the text of its statement, apart from the values of its cursors. */
export function pageShape({ column, descending }: Ordering, { size, backward, after, before }: PageRequest): string {
  return `${column} ${descending} ${size} ${backward} ${after !== null} ${before !== null}`;
}

/** Returns a page with places for the values of its cursors. */
export function placedPage(
  { size, backward, after, before }: PageRequest,
  place: PlaceFor<{ readonly page: PageRequest }>,
): PageRequest {
  return {
    size,
    backward,
    after: after && { value: place(({ page }) => page.after!.value), id: place(({ page }) => page.after!.id) },
    before: before && { value: place(({ page }) => page.before!.value), id: place(({ page }) => page.before!.id) },
  };
}

/** Returns columns and one more, such as that by which a page is ordered, whose raw value a cursor needs. */
export function withColumn<Column extends string>(columns: readonly Column[], column: Column): readonly Column[] {
  return columns.includes(column) ? columns : [...columns, column];
}
/** Returns true if a page begins with the highest row. */
export function fromEnd({ descending }: Ordering, { backward }: PageRequest): boolean {
  return descending !== backward;
}

/** Restricts a query to the rows between a page's cursors. */
export function betweenCursors<DB extends Tables, Table extends keyof DB, Row>(
  database: Database,
  query: SelectQueryBuilder<DB, Table, Row>,
  { column, descending }: Ordering,
  { after, before }: PageRequest,
): SelectQueryBuilder<DB, Table, Row> {
  const { isBeyond } = dialectOf(database).sql;
  const key = column as ReferenceExpression<DB, Table>;
  const id = 'id' as ReferenceExpression<DB, Table>;
  const beyond =
    ({ value, id: atId }: Position, greater: boolean) =>
    (eb: ExpressionBuilder<DB, Table>): Expression<SqlBool> => {
      const operator = greater ? '>' : '<';
      if (column === 'id') return eb(id, operator, atId as never);
      return isBeyond({ column: eb.ref(key as never), value }, { column: eb.ref(id as never), value: atId }, operator);
    };
  let restricted = query;
  if (after) restricted = restricted.where(beyond(after, !descending));
  if (before) restricted = restricted.where(beyond(before, descending));
  return restricted;
}

/** Adds to a row the raw value by which its page is ordered, and returns it. */
export function sortable<Row extends object>(row: Row, sort: string | number): Row & Sortable {
  const withSort: Row & { sort?: string | number } = row;
  withSort.sort = sort;
  return withSort;
}

/** Returns the page from the rows that a paged query found. */
export function pageOf<Row>(found: readonly Row[], { size, backward, after, before }: PageRequest): Page<Row> {
  const more = found.length > size;
  const kept = found.slice(0, size);
  return {
    rows: backward ? kept.toReversed() : kept,
    hasNextPage: backward ? before !== null : more,
    hasPreviousPage: backward ? more : after !== null,
  };
}
