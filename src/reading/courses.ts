import { sql, type Expression, type ExpressionBuilder, type SelectQueryBuilder, type SqlBool } from 'kysely';
import { databaseKindOf, type Database } from '../database/database.js';
import { FOLD } from '../database/dialects/sqlite/folded-text.js';
import type { CourseStatus } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import { paged, pageOf, type Ordering, type Page, type PageRequest } from './page.js';
import { builderFor, rows } from '../database/query.js';
import { dateOf, type StoredMoment, type Tables } from '../database/tables.js';
import { visibleCourses } from './visibility.js';

/** Holds one course as it is read; `sort` is the raw value that its page was ordered by. */
export interface CourseRow {
  readonly id: number;
  readonly title: string;
  readonly description: string | null;
  readonly status: CourseStatus;
  readonly isPublished: boolean;
  readonly capacity: number | null;
  readonly instructorId: number | null;
  readonly totalEnrollments: number;
  readonly activeEnrollments: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly sort?: string | number;
}

/** Compares whole numbers; all parts that are there must hold. */
export interface NumberFilter {
  readonly eq?: number | null;
  readonly gt?: number | null;
  readonly gte?: number | null;
  readonly lt?: number | null;
  readonly lte?: number | null;
}

/**
 * Compares texts as the database's collation does; on SQLite, whose own knows no case beyond ASCII, without case and
 * accents.
 */
export interface TextFilter {
  readonly eq?: string | null;
  readonly contains?: string | null;
  readonly startsWith?: string | null;
}

/** Chooses courses; all parts that are there must hold. */
export interface CourseFilter {
  readonly ids?: readonly number[] | null;
  readonly title?: TextFilter | null;
  readonly status?: readonly CourseStatus[] | null;
  readonly isPublished?: boolean | null;
  readonly instructorId?: number | null;
  readonly totalEnrollments?: NumberFilter | null;
}

const columns = [
  'id',
  'title',
  'description',
  'status',
  'is_published',
  'capacity',
  'instructor_id',
  'total_enrollments',
  'active_enrollments',
  'created_at',
  'updated_at',
] as const;

type RawCourse = Pick<Tables['core_course'], (typeof columns)[number]>;

/** Gives courses by id, in the order of the ids; null: not there, or not to be seen by the viewer. */
export async function coursesById(
  database: Database,
  viewer: Viewer | null | 'anyone',
  ids: readonly number[],
): Promise<(CourseRow | null)[]> {
  const visible = viewer === 'anyone' ? null : visibleCourses(viewer);
  let query = builderFor(database)
    .selectFrom('core_course')
    .select(columns)
    .where('id', 'in', [...ids]);
  if (visible) query = query.where(visible);
  const found = new Map((await rows(database, query)).map(row => [row.id, courseOf(row)]));
  return ids.map(id => found.get(id) ?? null);
}

/** Gives one page of the courses that a viewer sees. */
export async function coursePage(
  database: Database,
  viewer: Viewer | null,
  filter: CourseFilter,
  order: Ordering,
  page: PageRequest,
): Promise<Page<CourseRow>> {
  const found = await rows(database, coursePageQuery(database, viewer, filter, order, page));
  return pageOf(
    found.map(row => ({ ...courseOf(row), sort: row[order.column as keyof RawCourse] as string | number })),
    page,
  );
}

/** Gives the statement of such a page: for coursePage(), and for who asks the database how it would run it. */
export function coursePageQuery(
  database: Database,
  viewer: Viewer | null,
  filter: CourseFilter,
  order: Ordering,
  page: PageRequest,
): SelectQueryBuilder<Tables, 'core_course', RawCourse> {
  return paged(chosen(database, viewer, filter).select(columns), order, page);
}

/** Counts the courses that a viewer sees. */
export async function courseCount(database: Database, viewer: Viewer | null, filter: CourseFilter): Promise<number> {
  const query = chosen(database, viewer, filter).select(eb => eb.fn.countAll<number>().as('count'));
  return Number((await rows(database, query))[0]!.count);
}

function chosen(
  database: Database,
  viewer: Viewer | null,
  filter: CourseFilter,
): SelectQueryBuilder<Tables, 'core_course', object> {
  const visible = visibleCourses(viewer);
  let query = builderFor(database).selectFrom('core_course') as SelectQueryBuilder<Tables, 'core_course', object>;
  if (visible) query = query.where(visible);
  return query.where(eb => eb.and(conditionsOf(eb, filter, databaseKindOf(database) === 'sqlite')));
}

function conditionsOf(
  eb: ExpressionBuilder<Tables, 'core_course'>,
  { ids, title, status, isPublished, instructorId, totalEnrollments: total }: CourseFilter,
  folds: boolean,
): Expression<SqlBool>[] {
  const among = (column: 'id' | 'status', values: readonly unknown[] | null | undefined): Expression<SqlBool>[] =>
    values == null ? [] : [values.length === 0 ? eb.lit(false) : eb(column, 'in', [...values] as never)];
  const text = (of: Expression<string> | string): Expression<string> =>
    folds ? sql`${sql.raw(FOLD)}(${of})` : sql`${of}`;
  const like = (pattern: string): Expression<SqlBool> =>
    sql<SqlBool>`${text(eb.ref('title'))} like ${text(pattern)} escape '!'`;
  const compare = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;
  return [
    ...among('id', ids),
    ...among('status', status),
    ...(title?.eq == null ? [] : [eb(text(eb.ref('title')), '=', text(title.eq))]),
    ...(title?.contains == null ? [] : [like(`%${escapedLike(title.contains)}%`)]),
    ...(title?.startsWith == null ? [] : [like(`${escapedLike(title.startsWith)}%`)]),
    ...(isPublished == null ? [] : [eb('is_published', '=', Number(isPublished))]),
    ...(instructorId == null ? [] : [eb('instructor_id', '=', instructorId)]),
    ...Object.entries(compare).flatMap(([name, operator]) => {
      const value = total?.[name as keyof NumberFilter];
      return value == null ? [] : [eb('total_enrollments', operator, value)];
    }),
  ];
}

/** Escapes what LIKE takes for a wildcard, with `!`, since a backslash means different things to the databases. */
function escapedLike(text: string): string {
  return text.replace(/[!%_]/g, '!$&');
}

function courseOf(row: RawCourse): CourseRow {
  return {
    id: row.id,
    title: row.title,
    description: row.description,
    status: row.status,
    isPublished: Boolean(row.is_published),
    capacity: row.capacity,
    instructorId: row.instructor_id,
    totalEnrollments: row.total_enrollments,
    activeEnrollments: row.active_enrollments,
    createdAt: dateOf(row.created_at as StoredMoment),
    updatedAt: dateOf(row.updated_at as StoredMoment),
  };
}
