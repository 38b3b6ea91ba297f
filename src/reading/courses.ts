import type { SelectQueryBuilder } from 'kysely';
import { dialectOf, type Database } from '../database/database.js';
import { Course, Role, type Key } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import { conditionsOf, type CourseFilter, type CourseOrdering } from './course-filter.js';
import { countShape, takeCounts, withCounts, type JoinedCounts } from './counts.js';
import { courseStrands, requireFewHidden } from './course-strands.js';
import { mergedPage, rowsBy, rowsByKey, type CourseQuery, type StoredCourse } from './merged-page.js';
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
import { fitsLimit, hasMoreThan, maxRowsRead, TooManyRows } from './rows-limit.js';
import { joinShape, takeUsers, withUsers, type JoinedUsers } from './users.js';
import { placedViewer, viewerShape, visibleCourses } from './visibility.js';
import { walkedPage, type WalkedCourses } from './walked-page.js';

/** One course in the form in which it is read. */
export interface CourseRow extends PlainRow<Course>, Sortable {}

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
 * unless a filter may make the database read other courses too. Errors: TooManyRows.
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
  const { columns, plain, sortValue, shape } = rowReader(database, Course, properties);
  if (hasStrands(filter, order)) await requireFewHidden(database, viewer, filter);
  const found =
    !hasStrands(filter, order) && !(await fewAreCompared(database, viewer, filter))
      ? await walkedPage(
          database,
          walkedCourses(database, viewer, filter),
          order,
          page,
          withColumn(columns, order.column),
        )
      : isEmpty(filter)
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

/** Counts the courses that a viewer sees. Errors: TooManyRows. */
export async function courseCount(database: Database, viewer: Viewer | null, filter: CourseFilter): Promise<number> {
  if (!(await fewAreCompared(database, viewer, filter))) {
    const most = maxRowsRead(database) / (1 + rowsOfCourse(viewer));
    if (await hasMoreThan(database, countedCourses(database, viewer, filter), most))
      throw new TooManyRows(database, filter, 'count');
  }
  const query = chosenCourses(database, viewer, filter).select(eb => eb.fn.countAll<number>().as('count'));
  return numberOf((await rows(database, query))[0]!.count);
}

function chosenCourses(
  database: Database,
  viewer: Viewer | null,
  filter: CourseFilter,
  order: CourseOrdering | null = null,
): CourseQuery {
  return matching(database, viewer, filter, comparedCourses(database, filter, order));
}

/** Returns a query with the conditions of a viewer and of a filter. */
function matching(database: Database, viewer: Viewer | null, filter: CourseFilter, all: CourseQuery): CourseQuery {
  const visible = visibleCourses(viewer);
  const query = visible ? all.where(visible) : all;
  return query.where(eb => eb.and(conditionsOf(database, eb, filter)));
}

/** Returns how many rows are read at most to compare a course: itself, and the viewer's enrollment in it. */
function rowsOfCourse(viewer: Viewer | null): number {
  return viewer === null || viewer.role === Role.ADMIN ? 1 : 2;
}

/** Returns true if a list may compare all of its courses with its filter. */
async function fewAreCompared(database: Database, viewer: Viewer | null, { ids }: CourseFilter): Promise<boolean> {
  return ids != null || fitsLimit(database, 'core_course', rowsOfCourse(viewer));
}

function walkedCourses(database: Database, viewer: Viewer | null, filter: CourseFilter): WalkedCourses {
  return {
    filter,
    matching: query => matching(database, viewer, filter, query),
    indexed: indexedCourses(database, filter),
    rowsOfCourse: rowsOfCourse(viewer),
  };
}

/** Returns the query of the courses that meet a condition of a filter, by the index that has these; null: none has. */
function indexedCourses(
  database: Database,
  { instructorId, title, totalEnrollments }: CourseFilter,
): CourseQuery | null {
  const { indexesTexts } = dialectOf(database).sql;
  const by = (column: string, part: CourseFilter): CourseQuery =>
    rowsBy(database, 'core_course', [column]).where(eb => eb.and(conditionsOf(database, eb, part)));
  if (instructorId != null) return by('instructor_id', { instructorId });
  if (title?.eq != null && indexesTexts.equal) return by('title', { title: { eq: title.eq } });
  if (title?.startsWith != null && indexesTexts.beginnings)
    return by('title', { title: { startsWith: title.startsWith } });
  return totalEnrollments == null ? null : by('total_enrollments', { totalEnrollments });
}

/** Returns the query of the courses of which some are counted, by an index that has no others. */
function countedCourses(database: Database, viewer: Viewer | null, filter: CourseFilter): CourseQuery {
  const isPublished = filter.isPublished ?? (viewer === null ? true : null);
  const { status } = filter;
  const indexed = indexedCourses(database, filter);
  if (indexed) return indexed;
  if (isPublished === null) return rowsByKey(database, 'core_course');
  return rowsBy(database, 'core_course', ['is_published', ...(status == null ? [] : ['status'])]).where(eb =>
    eb.and(conditionsOf(database, eb, { isPublished, status: status ?? null })),
  );
}

/** Returns the query of the courses that are compared with a filter, by an index that the database may not choose. */
function comparedCourses(
  database: Database,
  { ids, title, instructorId }: CourseFilter,
  order: CourseOrdering | null,
): CourseQuery {
  if (ids == null && instructorId != null) return rowsBy(database, 'core_course', ['instructor_id']);
  const isSearch = title?.contains != null && title.eq == null && title.startsWith == null;
  // The index of the published ones has the same order, but the titles are in the rows.
  return ids == null && isSearch && order?.column === 'id'
    ? rowsByKey(database, 'core_course')
    : builderFor(database).selectFrom('core_course');
}
