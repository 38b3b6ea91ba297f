/**
 * Reads pages of enrollments without reading the rows before or after them, however many there are: a page is merged
 * from strands, each of which an index has in the order of the page. No more of a strand is read than fits the page.
 */
import type { SelectQueryBuilder } from 'kysely';
import { dialectOf, type Database } from '../database/database.js';
import { Enrollment, EnrollmentStatus, Role } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import {
  statusIn,
  type EnrollmentFilter,
  type EnrollmentOrdering,
  type EnrollmentParent,
  type EnrollmentQuery,
  type EnrollmentRow,
} from './enrollments.js';
import { betweenCursors, fromEnd, paged, pageOf, sortable, type Page, type PageRequest } from './page.js';
import { builderFor, rows } from '../database/query.js';
import { rowReader } from '../database/row-reader.js';
import type { StoredMoment, TableName, Tables } from '../database/tables.js';
import { isTaughtBy, visibleEnrollments, type Condition } from './visibility.js';

/**
 * Enrollments that an index has in order: all, or those of a course or a status; or those of a student, who has few.
 */
interface Strand {
  readonly courseId?: number | undefined;
  readonly studentId?: number | undefined;
  readonly status?: EnrollmentStatus | undefined;
  /** Further conditions, for all of the strand or for a few rows. */
  readonly conditions?: readonly Condition<'core_enrollments'>[];
}

type StoredEnrollment = Tables['core_enrollments'];
type StoredQuery = SelectQueryBuilder<Tables, 'core_enrollments', StoredEnrollment>;

/** The first row of a strand after the page's cursor. */
interface Head {
  readonly course_id: number;
  readonly status: EnrollmentStatus | null;
  readonly enrolled_at: StoredMoment;
  readonly id: number;
}

/** Returns one page of the enrollments that a viewer sees. */
export async function enrollmentPage(
  database: Database,
  viewer: Viewer,
  filter: EnrollmentFilter,
  order: EnrollmentOrdering,
  page: PageRequest,
): Promise<Page<EnrollmentRow>> {
  if (viewer.role !== Role.TEACHER || viewer.userId === null || filter.courseId != null || filter.studentId != null) {
    const [only] = await pagesOf(database, [strandsOf(viewer, filter, order)], order, page);
    return only!;
  }
  return pageOf(sortedRows(database, await rowsOfTeacher(database, viewer.userId, filter, order, page), order), page);
}

/** Returns the same page under each of many courses or students, in one statement, in the order of the ids. */
export function enrollmentPages(
  database: Database,
  viewer: Viewer,
  parent: EnrollmentParent,
  ids: readonly number[],
  filter: EnrollmentFilter,
  order: EnrollmentOrdering,
  page: PageRequest,
): Promise<Page<EnrollmentRow>[]> {
  const [name, given] =
    parent === 'course_id' ? (['courseId', filter.courseId] as const) : (['studentId', filter.studentId] as const);
  const asked = ids.filter(id => given == null || given === id);
  if (asked.length === 0) return Promise.resolve(ids.map(() => pageOf([], page)));
  const other = parent === 'course_id' ? studentOf(viewer, filter) : (filter.courseId ?? null);
  if (other !== null) {
    const query = enrollmentsBy(database, null)
      .where(parent === 'course_id' ? 'student_id' : 'course_id', '=', other)
      .where(parent, 'in', asked);
    const visible = visibleEnrollments(viewer);
    return pagesOfOneRow(
      database,
      [...(visible ? [visible] : []), ...statusIn(filter.status)].reduce(
        (all, condition) => all.where(condition),
        query,
      ),
      parent,
      ids,
      order,
      page,
    );
  }
  const strands = ids.map(id => (asked.includes(id) ? strandsOf(viewer, { ...filter, [name]: id }, order) : []));
  return pagesOf(database, strands, order, page);
}

/**
 * Reads several pages that have at most one row each, because course and student are given: all by one list of keys.
 */
async function pagesOfOneRow(
  database: Database,
  query: EnrollmentQuery,
  parent: EnrollmentParent,
  ids: readonly number[],
  order: EnrollmentOrdering,
  page: PageRequest,
): Promise<Page<EnrollmentRow>[]> {
  const { columns } = rowReader(database, Enrollment);
  const found = await rows(database, paged(query, order, { ...page, size: ids.length }).select(columns));
  const byParent = Map.groupBy(found, row => row[parent]);
  return ids.map(id => pageOf(sortedRows(database, byParent.get(id) ?? [], order), page));
}

/** Returns the student whose enrollments alone can be on a page; null: there may be several. */
function studentOf({ role, userId }: Viewer, { studentId }: EnrollmentFilter): number | null {
  return studentId ?? (role === Role.STUDENT ? userId : null);
}

/** Reads several pages in one statement, each from strands of its own. */
async function pagesOf(
  database: Database,
  pages: readonly (readonly Strand[])[],
  order: EnrollmentOrdering,
  page: PageRequest,
): Promise<Page<EnrollmentRow>[]> {
  const parts = pages.flatMap((strands, at) =>
    strands.length === 0
      ? []
      : [
          builderFor(database)
            .selectFrom(merged(database, strands, order, page).as('page'))
            .selectAll()
            .select(eb => eb.lit(at).as('at')),
        ],
  );
  if (parts.length === 0) return pages.map(() => pageOf<EnrollmentRow>([], page));
  const found = await rows(
    database,
    parts.slice(1).reduce((all, next) => all.unionAll(next), parts[0]!),
  );
  const byPage = Map.groupBy(found, ({ at }) => at);
  // A union keeps no order, so each part is sorted again.
  return pages.map((_, at) =>
    pageOf(sortedRows(database, (byPage.get(at) ?? []).toSorted(compare(order, page)), order), page),
  );
}

/**
 * Returns the query for one page of several strands: from their indexes alone the keys of the page, sorted and cut;
 * then the rows of these.
 */
function merged(
  database: Database,
  strands: readonly Strand[],
  order: EnrollmentOrdering,
  page: PageRequest,
): StoredQuery {
  const db = builderFor(database);
  const { columns } = rowReader(database, Enrollment);
  const [only, ...others] = strands;
  if (others.length === 0) return paged(rowsOfStrand(database, only!, order), order, page).select(columns);
  // SQLite takes a LIMIT inside a UNION only in a subquery of its own.
  const key = order.column === 'id' ? (['id'] as const) : (['id', order.column as 'enrolled_at'] as const);
  const [first, ...rest] = strands.map(strand =>
    db
      .selectFrom(
        paged(rowsOfStrand(database, strand, order), order, page)
          .select(key)
          .as('strand'),
      )
      .selectAll(),
  );
  const all = db
    .selectFrom(rest.reduce((union, next) => union.unionAll(next), first!).as('strands'))
    .select('strands.id as of_page');
  const ids: typeof all = paged(all as never, order, { ...page, after: null, before: null });
  return db.selectFrom(ids.as('ids')).innerJoin('core_enrollments', 'core_enrollments.id', 'of_page').select(columns);
}

/**
 * Returns the strands of a page of all enrollments, or of those of a course or student; not of a teacher's courses,
 * which have many strands.
 */
function strandsOf(viewer: Viewer, filter: EnrollmentFilter, order: EnrollmentOrdering): Strand[] {
  const { role, userId } = viewer;
  if (role !== Role.ADMIN && userId === null) return [];
  const student = studentOf(viewer, filter);
  if (student !== null) {
    const visible = visibleEnrollments(viewer);
    return [
      {
        ...courseOfFilter(filter),
        studentId: student,
        conditions: [...(visible ? [visible] : []), ...statusIn(filter.status)],
      },
    ];
  }
  const statuses = statusesOf(filter, order);
  if (role === Role.ADMIN || filter.courseId == null)
    return statuses.map(status => ({ ...courseOfFilter(filter), status }));
  const id = filter.courseId;
  const taught = isTaughtBy(userId!);
  return [
    ...statuses.map(status => ({ courseId: id, status, conditions: [taught(id)] })),
    { courseId: id, studentId: userId!, conditions: [eb => eb.not(taught(id)(eb)), ...statusIn(filter.status)] },
  ];
}

function courseOfFilter({ courseId }: EnrollmentFilter): Pick<Strand, 'courseId'> {
  return courseId == null ? {} : { courseId };
}

/** Returns the statuses that have a strand each; undefined: one strand for all of them, which an index has in order. */
function statusesOf(
  { status, courseId }: EnrollmentFilter,
  { column }: EnrollmentOrdering,
  underCourse = courseId != null,
): (EnrollmentStatus | undefined)[] {
  const asked = [...new Set(status ?? Object.values(EnrollmentStatus))];
  const areAll = asked.length === Object.values(EnrollmentStatus).length;
  return areAll && !(underCourse && column !== 'id') ? [undefined] : asked;
}

/** Returns the query for the rows of a strand in an order; `course` is true if an outer query supplies the course. */
function rowsOfStrand(
  database: Database,
  { courseId, studentId, status, conditions = [] }: Strand,
  order: EnrollmentOrdering,
  course = false,
): EnrollmentQuery {
  const key = [...(course || courseId !== undefined ? ['course_id'] : []), ...(status !== undefined ? ['status'] : [])];
  let query =
    studentId === undefined && key.length === 0
      ? (builderFor(database).selectFrom('core_enrollments') as EnrollmentQuery)
      : enrollmentsBy(
          database,
          studentId === undefined ? [...key, ...(order.column === 'id' ? [] : [order.column])] : null,
        );
  if (courseId !== undefined) query = query.where('course_id', '=', courseId);
  if (studentId !== undefined) query = query.where('student_id', '=', studentId);
  if (status !== undefined) query = query.where('status', '=', status);
  return conditions.reduce((all, condition) => all.where(condition), query);
}

/**
 * Returns a query of enrollments by the index of some columns; null: by any but the primary key.
 *
 * For an ordered query with a limit, MySQL and MariaDB tend to take an index that has the order, such as the primary
 * key, and read all other rows on the way, up to the whole table; or an index that has the rows, and read and sort them
 * all.
 */
function enrollmentsBy(database: Database, indexed: readonly string[] | null): EnrollmentQuery {
  const index = indexed && indexOf(database, indexed);
  return dialectOf(database).sql.selectByIndex(builderFor(database), 'core_enrollments', index);
}

/**
 * Reads the rows of a teacher's page. The first statement reads the first row of each strand after the cursor, one for
 * each course and status: a page of n rows can only have rows of the n strands whose first rows come first. If a first
 * row is deleted before the second statement, the page could lack a later row, so it is read again.
 */
async function rowsOfTeacher(
  database: Database,
  teacher: number,
  filter: EnrollmentFilter,
  order: EnrollmentOrdering,
  page: PageRequest,
): Promise<StoredEnrollment[]> {
  const own: Strand = {
    studentId: teacher,
    conditions: [
      eb =>
        eb(
          'course_id',
          'not in',
          eb.selectFrom('core_course').select('core_course.id').where('core_course.instructor_id', '=', teacher),
        ),
      ...statusIn(filter.status),
    ],
  };
  const statuses = statusesOf(filter, order, true);
  for (;;) {
    const heads =
      statuses.length === 0 ? [] : await rows(database, firstRows(database, teacher, statuses, order, page));
    const strands = heads.map(({ course_id: courseId, status }) => ({ courseId, status: status ?? undefined }));
    const found = (await rows(database, merged(database, [...strands, own], order, page))).toSorted(
      compare(order, page),
    );
    const [lastHead, lastRow] = [heads[page.size], found[page.size]];
    if (!lastHead || (lastRow && compare(order, page)(lastRow, lastHead) <= 0)) return found;
  }
}

/** Returns the query for the first rows of the strands of a teacher's courses, as many as a page can need. */
function firstRows(
  database: Database,
  teacher: number,
  statuses: readonly (EnrollmentStatus | undefined)[],
  order: EnrollmentOrdering,
  page: PageRequest,
): SelectQueryBuilder<Tables, 'core_enrollments', Head> {
  const db = builderFor(database);
  const [first, ...rest] = statuses.map(status => {
    const ofCourse = rowsOfStrand(database, { status }, order, true).whereRef(
      'core_enrollments.course_id',
      '=',
      'core_course.id' as never,
    );
    const head = headOf(database, ofCourse, order, page);
    return db
      .selectFrom('core_course')
      .where('instructor_id', '=', teacher)
      .select(eb => ['core_course.id as of_course', eb.val(status ?? null).as('of_status'), head.as('head')]);
  });
  const heads = rest.reduce((all, next) => all.unionAll(next), first!);
  const found = db
    .selectFrom(heads.as('heads'))
    .innerJoin('core_enrollments', 'core_enrollments.id', 'heads.head')
    .select(['of_course as course_id', 'of_status as status', 'enrolled_at', 'id']);
  const inOrder = paged(found as never, order, { ...page, after: null, before: null });
  return inOrder as unknown as SelectQueryBuilder<Tables, 'core_enrollments', Head>;
}

/**
 * Returns the query for the first row of a strand whose course an outer query supplies. In the order of ids, a database
 * may take an index without that order and sort all rows of the course; for a minimum or maximum it need not.
 */
function headOf(
  database: Database,
  ofCourse: EnrollmentQuery,
  order: EnrollmentOrdering,
  page: PageRequest,
): SelectQueryBuilder<Tables, 'core_enrollments', { id: number }> {
  if (!dialectOf(database).sql.sortsForFirst || order.column !== 'id')
    return paged(ofCourse, order, { ...page, size: 0 }).select('id');
  return betweenCursors(ofCourse, order, page).select(eb =>
    (fromEnd(order, page) ? eb.fn.max<number>('id') : eb.fn.min<number>('id')).as('id'),
  );
}

/** Returns the comparison of rows in the order in which a page is read: backward if it is before a cursor. */
function compare(
  order: EnrollmentOrdering,
  page: PageRequest,
): (a: Pick<StoredEnrollment, 'id' | 'enrolled_at'>, b: Pick<StoredEnrollment, 'id' | 'enrolled_at'>) => number {
  const sign = fromEnd(order, page) ? -1 : 1;
  const key = order.column as 'id' | 'enrolled_at';
  return (a, b) => sign * (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : a.id - b.id);
}

/** Returns the index of enrollments by some columns, as the schema names it. */
function indexOf(database: Database, columns: readonly string[]): string {
  return database.driver.getPlatform().getIndexName('core_enrollments' satisfies TableName, [...columns], 'index');
}

/** Returns plain rows, each with the raw value by which its page is ordered. */
function sortedRows(
  database: Database,
  stored: readonly StoredEnrollment[],
  order: EnrollmentOrdering,
): EnrollmentRow[] {
  const { plain } = rowReader(database, Enrollment);
  return stored.map(row => sortable(plain(row), row, order));
}
