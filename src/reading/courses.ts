import { sql, type Expression, type ExpressionBuilder, type SelectQueryBuilder, type SqlBool } from 'kysely';
import { dialectOf, type Database } from '../database/database.js';
import { Course, type CourseStatus } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import {
  paged,
  pageOf,
  pageShape,
  placedPage,
  sortable,
  withColumn,
  type Ordering,
  type Page,
  type PageRequest,
  type Sortable,
} from './page.js';
import { listLength, listOf, rowsOfShape } from '../database/known-statements.js';
import { builderFor, rows } from '../database/query.js';
import { rowReader, type ReadProperties } from '../database/row-reader.js';
import { numberOf, storedBoolean, type ColumnOf, type PlainRow, type Tables } from '../database/tables.js';
import { joinShape, takeUsers, withUsers, type JoinedUsers } from './users.js';
import { placedViewer, viewerShape, visibleCourses } from './visibility.js';

/** One course in the form in which it is read. */
export interface CourseRow extends PlainRow<Course>, Sortable {}

/** An order of courses. */
export type CourseOrdering = Ordering<ColumnOf<'core_course'>>;

/** A comparison of whole numbers; all parts that are given must hold. */
interface NumberFilter {
  readonly eq?: number | null;
  readonly gt?: number | null;
  readonly gte?: number | null;
  readonly lt?: number | null;
  readonly lte?: number | null;
}

/**
 * A comparison of texts, by the database's collation; on SQLite, whose collation ignores case only within ASCII,
 * regardless of case and accents.
 */
interface TextFilter {
  readonly eq?: string | null;
  readonly contains?: string | null;
  readonly startsWith?: string | null;
}

/** The choice of courses; all given parts must hold. */
export interface CourseFilter {
  readonly ids?: readonly number[] | null;
  readonly title?: TextFilter | null;
  readonly status?: readonly CourseStatus[] | null;
  readonly isPublished?: boolean | null;
  readonly instructorId?: number | null;
  readonly totalEnrollments?: NumberFilter | null;
}

type StoredCourse = Tables['core_course'];

/**
 * Returns courses by id, in the order of the ids; null if the course does not exist, or the viewer may not see it. With
 * `teachers`, their teachers are read by the same statement; the properties must include the reference to them.
 */
export async function coursesById(
  database: Database,
  viewer: Viewer | null | 'anyone',
  ids: readonly number[],
  properties: ReadProperties = null,
  teachers?: JoinedUsers,
): Promise<(CourseRow | null)[]> {
  const { columns, plain, shape } = rowReader(database, Course, properties);
  const queryOf = (seeing: Viewer | null | 'anyone', among: readonly number[]) => {
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

/** Returns one page of the courses that a viewer sees. */
export async function coursePage(
  database: Database,
  viewer: Viewer | null,
  filter: CourseFilter,
  order: CourseOrdering,
  page: PageRequest,
  properties: ReadProperties = null,
): Promise<Page<CourseRow>> {
  const { plain, sortValue, shape } = rowReader(database, Course, properties);
  const found = isEmpty(filter)
    ? await rowsOfShape(
        database,
        `page of courses ${viewerShape(viewer)} ${pageShape(order, page)} ${shape}`,
        { viewer, page },
        place =>
          coursePageQuery(
            database,
            placedViewer(
              viewer,
              place(given => given.viewer?.userId ?? null),
            ),
            {},
            order,
            placedPage(page, place),
            properties,
          ),
      )
    : await rows(database, coursePageQuery(database, viewer, filter, order, page, properties));
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
  const { columns } = rowReader(database, Course, properties);
  return paged(chosenCourses(database, viewer, filter).select(withColumn(columns, order.column)), order, page);
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
): SelectQueryBuilder<Tables, 'core_course', object> {
  const visible = visibleCourses(viewer);
  let query = builderFor(database).selectFrom('core_course') as SelectQueryBuilder<Tables, 'core_course', object>;
  if (visible) query = query.where(visible);
  return query.where(eb => eb.and(conditionsOf(eb, filter, dialectOf(database).sql.folded)));
}

function conditionsOf(
  eb: ExpressionBuilder<Tables, 'core_course'>,
  { ids, title, status, isPublished, instructorId, totalEnrollments: total }: CourseFilter,
  folded: (text: Expression<string>) => Expression<string>,
): Expression<SqlBool>[] {
  const among = (column: 'id' | 'status', values: readonly unknown[] | null | undefined): Expression<SqlBool>[] =>
    values == null ? [] : [values.length === 0 ? eb.lit(false) : eb(column, 'in', [...values] as never)];
  const text = (of: Expression<string> | string): Expression<string> => folded(sql`${of}`);
  const like = (pattern: string): Expression<SqlBool> =>
    sql<SqlBool>`${text(eb.ref('title'))} like ${text(pattern)} escape '!'`;
  const compare = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;
  return [
    ...among('id', ids),
    ...among('status', status),
    ...(title?.eq == null ? [] : [eb(text(eb.ref('title')), '=', text(title.eq))]),
    ...(title?.contains == null ? [] : [like(`%${escapedLike(title.contains)}%`)]),
    ...(title?.startsWith == null ? [] : [like(`${escapedLike(title.startsWith)}%`)]),
    ...(isPublished == null ? [] : [eb('is_published', '=', storedBoolean(isPublished))]),
    ...(instructorId == null ? [] : [eb('instructor_id', '=', instructorId)]),
    ...Object.entries(compare).flatMap(([name, operator]) => {
      const value = total?.[name as keyof NumberFilter];
      return value == null ? [] : [eb('total_enrollments', operator, value)];
    }),
  ];
}

/** Escapes LIKE's wildcards with `!`, because a backslash means different things to the databases. */
function escapedLike(text: string): string {
  return text.replace(/[!%_]/g, '!$&');
}
