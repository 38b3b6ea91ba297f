/** Pages of courses that no index has in order, of a table with more courses than a list may read. */
import type { SelectQueryBuilder } from 'kysely';
import type { Database } from '../database/database.js';
import { rows } from '../database/query.js';
import { rowReader } from '../database/row-reader.js';
import type { ColumnOf, Tables } from '../database/tables.js';
import { Course } from '../entities/index.js';
import type { CourseFilter, CourseOrdering } from './course-filter.js';
import { rowsBy, rowsByKey, type CourseQuery, type StoredCourse } from './merged-page.js';
import { betweenCursors, paged, sorted, withColumn, type PageRequest } from './page.js';
import { hasMoreThan, maxRowsRead, TooManyRows } from './rows-limit.js';

/** What a page is found by. */
export interface WalkedCourses {
  readonly filter: CourseFilter;
  /** Adds the conditions of the filter and of the viewer to a query. */
  readonly matching: (query: CourseQuery) => CourseQuery;
  /** The courses that meet a condition of the filter, by the index that has these and no others; null: none has. */
  readonly indexed: CourseQuery | null;
  /** How many rows are read for each course at most: itself, and an enrollment of the viewer. */
  readonly rowsOfCourse: number;
}

/** The courses of the first part of a walk, and the most that are sorted instead without walking at all. */
const FIRST_COURSES = 1000;
/** The courses of each further part: few enough for PostgreSQL to read them in order, and not to sort the table. */
const NEXT_COURSES = 10_000;

/**
 * Reads the rows of a page: those that an index has, if they are few; otherwise in the order of the page, part by part,
 * until the page is full; then again those that an index has. Errors: TooManyRows.
 */
export async function walkedPage(
  database: Database,
  courses: WalkedCourses,
  order: CourseOrdering,
  page: PageRequest,
  columns: readonly ColumnOf<'core_course'>[],
): Promise<StoredCourse[]> {
  const { filter, matching, indexed, rowsOfCourse } = courses;
  // Each part is read twice, to find its end and for its rows.
  const most = maxRowsRead(database) / (1 + rowsOfCourse);
  const sortedAtMost = async (count: number): Promise<StoredCourse[] | null> =>
    indexed === null || count < 1 || (await hasMoreThan(database, indexed, count))
      ? null
      : rows(database, paged(database, matching(indexed).select(columns), order, page));
  const few = Math.min(FIRST_COURSES, most / 4);
  const found =
    (await sortedAtMost(few)) ??
    (await walk(database, matching, order, page, columns, indexed === null ? most : most / 2)) ??
    (await sortedAtMost(most / 2 - few));
  if (found === null) throw new TooManyRows(database, filter, 'page');
  return found;
}

/** Reads the rows of a page in its order; null if it is not full after so many courses. */
async function walk(
  database: Database,
  matching: WalkedCourses['matching'],
  order: CourseOrdering,
  page: PageRequest,
  columns: readonly ColumnOf<'core_course'>[],
  most: number,
): Promise<StoredCourse[] | null> {
  const inOrder =
    order.column === 'id' ? rowsByKey(database, 'core_course') : rowsBy(database, 'core_course', [order.column]);
  const found: StoredCourse[] = [];
  let [rest, left, next] = [page, Math.floor(most), FIRST_COURSES];
  for (;;) {
    const count = Math.min(next, left);
    if (count < 1) return null;
    const [last, beyond] = await endOf(database, inOrder, order, rest, count);
    const part: PageRequest = beyond ? { ...rest, [page.backward ? 'after' : 'before']: beyond } : rest;
    const query = matching(inOrder).select(columns) as SelectQueryBuilder<Tables, 'core_course', StoredCourse>;
    const some = await rows(database, paged(database, query, order, { ...part, size: page.size - found.length }));
    // A course whose place in the order changes meanwhile can come again.
    found.push(...some.filter(({ id }) => !found.some(one => one.id === id)));
    if (!beyond || found.length > page.size) return found;
    rest = { ...rest, [page.backward ? 'before' : 'after']: last };
    left -= count;
    next = NEXT_COURSES;
  }
}

/** Returns the places of the last of some courses in the order of a page, and of the one beyond it, if there is one. */
async function endOf(
  database: Database,
  inOrder: CourseQuery,
  order: CourseOrdering,
  page: PageRequest,
  count: number,
) {
  const { sortValue } = rowReader(database, Course);
  const keys = sorted(betweenCursors(database, inOrder, order, page), order, page)
    .select(withColumn(['id'], order.column) as never)
    .limit(2)
    .offset(count - 1) as unknown as SelectQueryBuilder<Tables, 'core_course', StoredCourse>;
  return (await rows(database, keys)).map(row => ({ value: sortValue(row, order.column), id: row.id }));
}
