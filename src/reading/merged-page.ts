/**
 * Pages that are merged from strands: lists of rows, each of which has an index in the order of the page. No more of a
 * strand is read than fits the page.
 */
import { sql, type SelectQueryBuilder } from 'kysely';
import { dialectOf, type Database } from '../database/database.js';
import type { Bound } from '../database/dialects/dialect.js';
import { builderFor, unionOf } from '../database/query.js';
import type { Tables } from '../database/tables.js';
import { fromEnd, paged, type Ordering, type PageRequest, type Position } from './page.js';

/** The tables whose lists are read in several orders. */
export type ListedTable = 'core_course' | 'core_enrollments';

/** A query of the rows of a strand, in no order yet. */
export type StrandQuery<Table extends ListedTable> = SelectQueryBuilder<Tables, Table, object>;

/** A query of courses, in no order yet. */
export type CourseQuery = StrandQuery<'core_course'>;

/** A course as its table has it. */
export type StoredCourse = Tables['core_course'];

/**
 * Returns the query for some columns of one page of several strands: from their indexes alone the keys of the page,
 * sorted and cut; then the rows of these, which have no order if there are several strands.
 */
export function mergedPage<Table extends ListedTable>(
  database: Database,
  table: Table,
  [only, ...others]: readonly StrandQuery<Table>[],
  columns: readonly string[],
  order: Ordering,
  page: PageRequest,
): SelectQueryBuilder<Tables, Table, Tables[Table]> {
  if (others.length === 0) return paged(database, only!, order, page).select(columns as never) as never;
  const db = builderFor(database);
  const key = order.column === 'id' ? ['id'] : ['id', order.column];
  // SQLite accepts a LIMIT inside a UNION only in a subquery of its own.
  const parts = [only!, ...others].map(strand =>
    db
      .selectFrom(
        paged(database, strand, order, page)
          .select(key as never)
          .as('strand'),
      )
      .selectAll(),
  );
  const all = db.selectFrom(unionOf(parts).as('strands')).select('strands.id as of_page' as never);
  const ids = paged(database, all as never, order, { ...page, after: null, before: null });
  return db
    .selectFrom(ids.as('ids'))
    .innerJoin(table as 'core_course', `${table as 'core_course'}.id`, 'of_page' as never)
    .select(columns as never) as never;
}

/**
 * Returns a query of a table by the index of some columns, or by the unique one.
 *
 * For an ordered query with a limit, MySQL and MariaDB tend to use an index that has the order, such as the primary
 * key, and read all other rows on the way, up to the whole table; or an index that has the rows, and read and sort them
 * all.
 */
export function rowsBy<Table extends ListedTable>(
  database: Database,
  table: Table,
  columns: readonly string[],
  kind: 'index' | 'unique' = 'index',
): StrandQuery<Table> {
  const index = database.driver.getPlatform().getIndexName(table, [...columns], kind);
  return dialectOf(database).sql.selectByIndex(builderFor(database), table, index);
}

/**
 * Returns a query of the rows of a table that have some values, by the index of their columns in the order of a page; the
 * order itself is added with the page.
 */
export function rowsInOrder<Table extends ListedTable>(
  database: Database,
  table: Table,
  values: readonly (readonly [column: string, value: unknown])[],
  order: Ordering,
  page: PageRequest,
): StrandQuery<Table> {
  const columns = values.map(([column]) => column);
  const ordered = order.column === 'id' ? [] : [order.column];
  const all = values
    .filter(([, value]) => value === null)
    .reduce(
      (query, [column]) => query.where(column as never, 'is', null as never),
      rowsBy(database, table, [...columns, ...ordered]),
    );
  return dialectOf(database).sql.withOnly(
    all,
    values.filter(([, value]) => value !== null).map(([column, value]) => ({ column: sql.ref(column), value })),
    fromEnd(order, page) ? 'desc' : 'asc',
    boundsOf(order, page),
  );
}

/** Returns the places of a page's cursors, beyond which its rows are. */
function boundsOf({ column, descending }: Ordering, { after, before }: PageRequest): Bound[] {
  const boundOf = ({ value, id }: Position, greater: boolean): Bound => ({
    operator: greater ? '>' : '<',
    place: [...(column === 'id' ? [] : [{ column: sql.ref(column), value }]), { column: sql.ref('id'), value: id }],
  });
  return [...(after ? [boundOf(after, !descending)] : []), ...(before ? [boundOf(before, descending)] : [])];
}

/** Returns a query of a table in the order of its keys. */
export function rowsByKey<Table extends ListedTable>(database: Database, table: Table): StrandQuery<Table> {
  return dialectOf(database).sql.selectByIndex(builderFor(database), table, 'primary');
}
