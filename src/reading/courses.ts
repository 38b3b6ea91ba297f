import { sql, type Expression, type ExpressionBuilder, type SelectQueryBuilder, type SqlBool } from 'kysely';
import { dialectOf, type Database } from '../database/database.js';
import { Course, type CourseStatus } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import { paged, pageOf, sortable, type Ordering, type Page, type PageRequest, type Sortable } from './page.js';
import { builderFor, rows } from '../database/query.js';
import { rowReader } from '../database/row-reader.js';
import { numberOf, storedBoolean, type ColumnOf, type PlainRow, type Tables } from '../database/tables.js';
import { visibleCourses } from './visibility.js';

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

/** Returns courses by id, in the order of the ids; null if the course does not exist, or the viewer may not see it. */
export async function coursesById(
  database: Database,
  viewer: Viewer | null | 'anyone',
  ids: readonly number[],
): Promise<(CourseRow | null)[]> {
  const visible = viewer === 'anyone' ? null : visibleCourses(viewer);
  const { columns, plain } = rowReader(database, Course);
  let query = builderFor(database)
    .selectFrom('core_course')
    .select(columns)
    .where('id', 'in', [...ids]);
  if (visible) query = query.where(visible);
  const found = new Map((await rows(database, query)).map(row => [row.id, plain(row)]));
  return ids.map(id => found.get(id) ?? null);
}

/** Returns one page of the courses that a viewer sees. */
export async function coursePage(
  database: Database,
  viewer: Viewer | null,
  filter: CourseFilter,
  order: CourseOrdering,
  page: PageRequest,
): Promise<Page<CourseRow>> {
  const found = await rows(database, coursePageQuery(database, viewer, filter, order, page));
  const { plain } = rowReader(database, Course);
  return pageOf(
    found.map(row => sortable(plain(row), row, order)),
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
): SelectQueryBuilder<Tables, 'core_course', StoredCourse> {
  return paged(chosenCourses(database, viewer, filter).select(rowReader(database, Course).columns), order, page);
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
