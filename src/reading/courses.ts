import type { SelectQueryBuilder } from 'kysely';
import type { Database } from '../database/database.js';
import { Course, type Key } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import { conditionsOf, type CourseFilter, type CourseOrdering } from './course-filter.js';
import { countShape, takeCounts, withCounts, type JoinedCounts } from './counts.js';
import { courseStrands } from './course-strands.js';
import { mergedPage, rowsBy, rowsByKey, type StrandQuery } from './merged-page.js';
import {
  paged,
  pageOf,
  pageShape,
  placedPage,
  sortable,
  sorted,
  withColumn,
  type Page,
  type PageRequest,
  type Sortable,
} from './page.js';
import { listLength, listOf, rowsOfShape } from '../database/known-statements.js';
import { builderFor, rows } from '../database/query.js';
import { rowReader, type ReadProperties } from '../database/row-reader.js';
import { numberOf, type PlainRow, type Tables } from '../database/tables.js';
import { joinShape, takeUsers, withUsers, type JoinedUsers } from './users.js';
import { placedViewer, viewerShape, visibleCourses } from './visibility.js';

/** One course in the form in which it is read. */
export interface CourseRow extends PlainRow<Course>, Sortable {}

type StoredCourse = Tables['core_course'];

/**
 * Returns courses by id, in the order of the ids; null if the course does not exist, or the viewer may not see it. With
 * `teachers`, their teachers are read by the same statement; the properties must include the reference to them.
 */
export async function coursesById(
  database: Database,
  viewer: Viewer | null | 'anyone',
  ids: readonly Key[],
  properties: ReadProperties = null,
  teachers?: JoinedUsers,
): Promise<(CourseRow | null)[]> {
  const { columns, plain, shape } = rowReader(database, Course, properties);
  const queryOf = (seeing: Viewer | null | 'anyone', among: readonly Key[]) => {
    const visible = seeing === 'anyone' ? null : visibleCourses(seeing);
    const all = builderFor(database)
      .selectFrom('core_course')
      .select(columns)
      .where('id', 'in', [...among]);
    const query = visible ? all.where(visible) : all;
    return teachers ? (withUsers(database, query as never, 'instructor_id', teachers) as typeof query) : query;
  };
  const length = listLength(ids.length);
  const stored =
    length === null
      ? await rows(database, queryOf(viewer, ids))
      : await rowsOfShape(
          database,
          `courses by id ${viewer === 'anyone' ? viewer : viewerShape(viewer)} ${length} ${shape} ${joinShape(teachers)}`,
          { viewer, ids },
          place =>
            queryOf(
              viewer === 'anyone'
                ? viewer
                : placedViewer(
                    viewer,
                    place(given => (given.viewer as Viewer | null)?.userId ?? null),
                  ),
              listOf(place, length, given => given.ids),
            ),
        );
  if (teachers) takeUsers(stored, teachers);
  const [only] = stored;
  if (ids.length === 1) return [only === undefined ? null : plain(only)];
  const found = new Map(stored.map(row => [row.id, plain(row)]));
  return ids.map(id => found.get(id) ?? null);
}

/**
 * Returns one page of the courses that a viewer sees. With `counts`, their enrollments are counted by the same statement,
 * unless a filter may make the database read other courses too.
 */
export async function coursePage(
  database: Database,
  viewer: Viewer | null,
  filter: CourseFilter,
  order: CourseOrdering,
  page: PageRequest,
  properties: ReadProperties = null,
  counts?: JoinedCounts,
): Promise<Page<CourseRow>> {
  const { plain, sortValue, shape } = rowReader(database, Course, properties);
  const found = isEmpty(filter)
    ? await rowsOfShape(
        database,
        `page of courses ${viewerShape(viewer)} ${pageShape(order, page)} ${shape}${countShape(counts)}`,
        { viewer, page },
        place => {
          const query = coursePageQuery(
            database,
            placedViewer(
              viewer,
              place(given => given.viewer?.userId ?? null),
            ),
            {},
            order,
            placedPage(page, place),
            properties,
          );
          return counts ? withCounts(database, query, counts) : query;
        },
      )
    : await rows(database, coursePageQuery(database, viewer, filter, order, page, properties));
  if (counts) takeCounts(found, counts);
  return pageOf(
    found.map(row => sortable(plain(row), sortValue(row, order.column))),
    page,
  );
}

/** Returns the statement of such a page, for coursePage() and for reading how the database would run it. */
export function coursePageQuery(
  database: Database,
  viewer: Viewer | null,
  filter: CourseFilter,
  order: CourseOrdering,
  page: PageRequest,
  properties: ReadProperties = null,
): SelectQueryBuilder<Tables, 'core_course', StoredCourse> {
  const columns = withColumn(rowReader(database, Course, properties).columns, order.column);
  if (!hasStrands(filter, order))
    return paged(database, chosenCourses(database, viewer, filter, order).select(columns), order, page);
  const { totalEnrollments } = filter;
  const strands = courseStrands(database, viewer, filter, order, page).map(strand =>
    totalEnrollments == null ? strand : strand.where(eb => eb.and(conditionsOf(database, eb, { totalEnrollments }))),
  );
  if (strands.length === 0) strands.push(chosenCourses(database, viewer, filter).where(eb => eb.lit(false)));
  const merged = mergedPage(database, 'core_course', strands, columns, order, page);
  return strands.length === 1 ? merged : sorted(merged, order, page);
}

/**
 * Returns true if the courses of a filter are in strands, which an index has in order: a stored count only if it is also
 * that order.
 */
function hasStrands({ ids, title, instructorId, totalEnrollments }: CourseFilter, order: CourseOrdering): boolean {
  return (
    ids == null &&
    title == null &&
    instructorId == null &&
    (totalEnrollments == null || order.column === 'total_enrollments')
  );
}

/** Returns true for a filter that chooses all courses. */
function isEmpty(filter: CourseFilter): boolean {
  return Object.values(filter).every(part => part == null);
}

/** Counts the courses that a viewer sees. */
export async function courseCount(database: Database, viewer: Viewer | null, filter: CourseFilter): Promise<number> {
  const query = chosenCourses(database, viewer, filter).select(eb => eb.fn.countAll<number>().as('count'));
  return numberOf((await rows(database, query))[0]!.count);
}

function chosenCourses(
  database: Database,
  viewer: Viewer | null,
  filter: CourseFilter,
  order: CourseOrdering | null = null,
): SelectQueryBuilder<Tables, 'core_course', object> {
  const visible = visibleCourses(viewer);
  const all = comparedCourses(database, filter, order);
  const query = visible ? all.where(visible) : all;
  return query.where(eb => eb.and(conditionsOf(database, eb, filter)));
}

/** Returns the query of the courses that are compared with a filter, by an index that the database may not choose. */
function comparedCourses(
  database: Database,
  { ids, title, instructorId }: CourseFilter,
  order: CourseOrdering | null,
): StrandQuery<'core_course'> {
  if (ids == null && instructorId != null) return rowsBy(database, 'core_course', ['instructor_id']);
  const isSearch = title?.contains != null && title.eq == null && title.startsWith == null;
  // The index of the published ones has the same order, but the titles are in the rows.
  return ids == null && isSearch && order?.column === 'id'
    ? rowsByKey(database, 'core_course')
    : builderFor(database).selectFrom('core_course');
}
