import type { Viewer } from '../../dist/access/viewer.js';
import { builderFor, rows } from '../../dist/database/query.js';
import { rowReader } from '../../dist/database/row-reader.js';
import type { Database } from '../../dist/database/database.js';
import { Course, CourseStatus, Enrollment, EnrollmentStatus, Role } from '../../dist/entities/index.js';
import {
  courseCount,
  coursePage,
  enrollmentCount,
  enrollmentPage,
  type CourseFilter,
  type CourseOrdering,
  type EnrollmentFilter,
  type Ordering,
  type PageRequest,
  type Position,
} from '../../dist/reading/index.js';
import type { LargeRows } from './large-rows.ts';

/** The size of the pages. */
export const PAGE_SIZE = 20;

/** One read of a list. */
export interface RowsCase {
  readonly list: string;
  readonly filter: string;
  readonly viewer: string;
  /** The order and the place of the page; or `totalCount`. */
  readonly page: string;
  readonly read: (database: Database) => Promise<unknown>;
}

/** Returns each list with each filter, order, page and viewer. */
export async function rowsCases(
  database: Database,
  size: { courses: number; enrollments: number },
  large: LargeRows,
): Promise<RowsCase[]> {
  const viewers: readonly (readonly [string, Viewer | null])[] = [
    ['anybody', null],
    ['a student', { role: Role.STUDENT, userId: large.student }],
    ['a teacher', { role: Role.TEACHER, userId: large.teacher }],
    ['a teacher of a tenth', { role: Role.TEACHER, userId: large.teacherOfMany }],
    ['an admin', { role: Role.ADMIN, userId: null }],
  ];
  const some = Math.round((size.enrollments / size.courses) * 10);
  const courseFilters: readonly (readonly [string, CourseFilter])[] = [
    ['none', {}],
    ...Object.values(CourseStatus).map(status => [`status: ${status}`, { status: [status] }] as const),
    ['two of status', { status: [CourseStatus.DRAFT, CourseStatus.ARCHIVED] }],
    ['isPublished: true', { isPublished: true }],
    ['isPublished: false', { isPublished: false }],
    ['status and isPublished, no match', { status: [CourseStatus.ACTIVE], isPublished: false }],
    ['instructorId', { instructorId: large.teacher }],
    ['instructorId of a tenth', { instructorId: large.teacherOfMany }],
    ['totalEnrollments: many', { totalEnrollments: { gte: some } }],
    ['totalEnrollments: no match', { totalEnrollments: { gt: size.enrollments } }],
    ['title eq', { title: { eq: `Law Law ${large.course}` } }],
    ['title startsWith', { title: { startsWith: 'Music Law 1' } }],
    ['title contains, many', { title: { contains: 'Law' } }],
    ['title contains, no match', { title: { contains: 'xyz' } }],
  ];
  const enrollmentFilters: readonly (readonly [string, EnrollmentFilter])[] = [
    ['none', {}],
    ...Object.values(EnrollmentStatus).map(status => [`status: ${status}`, { status: [status] }] as const),
    ['two of status', { status: [EnrollmentStatus.DROPPED, EnrollmentStatus.SUSPENDED] }],
    ['courseId, the largest', { courseId: large.largestCourse }],
    ['courseId', { courseId: large.course }],
    ['the largest courseId and status', { courseId: large.largestCourse, status: [EnrollmentStatus.SUSPENDED] }],
    ['studentId', { studentId: large.student }],
  ];
  const courseOrders = orderings('courses', ['id', 'title', 'total_enrollments', 'created_at']);
  const enrollmentOrders = orderings('enrollments', ['id', 'enrolled_at']);
  const places = new Map<string, Position>();
  for (const [table, entity, orders, count] of [
    ['core_course', Course, courseOrders, size.courses],
    ['core_enrollments', Enrollment, enrollmentOrders, size.enrollments],
  ] as const)
    for (const { column } of orders)
      if (!places.has(`${table} ${column}`))
        places.set(`${table} ${column}`, await middleOf(database, table, entity, column, count));
  const all: RowsCase[] = [];
  for (const [viewer, who] of viewers) {
    for (const [filter, given] of courseFilters) {
      const common = { list: 'courses', filter, viewer };
      for (const order of courseOrders)
        for (const [name, page] of pagesAround(places.get(`core_course ${order.column}`)!))
          all.push({
            ...common,
            page: `${nameOf(order)}, ${name}`,
            read: db => coursePage(db, who, given, order as CourseOrdering, page),
          });
      all.push({ ...common, page: 'totalCount', read: db => courseCount(db, who, given) });
    }
    if (who === null) continue;
    for (const [filter, given] of enrollmentFilters) {
      const common = { list: 'enrollments', filter, viewer };
      for (const order of enrollmentOrders)
        for (const [name, page] of pagesAround(places.get(`core_enrollments ${order.column}`)!))
          all.push({
            ...common,
            page: `${nameOf(order)}, ${name}`,
            read: db => enrollmentPage(db, who, given, order as never, page),
          });
      all.push({ ...common, page: 'totalCount', read: db => enrollmentCount(db, who, given) });
    }
  }
  return all;
}

function orderings(list: string, columns: readonly string[]): Ordering[] {
  return columns.flatMap(column =>
    [false, true].map(descending => ({ list, field: column.toUpperCase(), column, descending })),
  );
}

function nameOf({ field, descending }: Ordering): string {
  return `${field} ${descending ? 'DESC' : 'ASC'}`;
}

/** Returns the first page, the last, and those after and before the middle of the table. */
function pagesAround(middle: Position): (readonly [string, PageRequest])[] {
  const page: PageRequest = { size: PAGE_SIZE, backward: false, after: null, before: null };
  return [
    ['first', page],
    ['last', { ...page, backward: true }],
    ['after the middle', { ...page, after: middle }],
    ['before the middle', { ...page, backward: true, before: middle }],
  ];
}

/** Returns the place of the row in the middle of a table in an order. */
async function middleOf(
  database: Database,
  table: 'core_course' | 'core_enrollments',
  entity: typeof Course | typeof Enrollment,
  column: string,
  count: number,
): Promise<Position> {
  const middle = Math.floor(count / 2);
  if (column === 'id') return { value: middle, id: middle };
  const query = builderFor(database)
    .selectFrom(table as 'core_course')
    .select(['id', column as 'title'])
    .orderBy(column as 'title')
    .orderBy('id')
    .limit(1)
    .offset(middle);
  const [row] = await rows(database, query);
  return { value: rowReader(database, entity as typeof Course).sortValue(row as never, column), id: row!.id };
}
