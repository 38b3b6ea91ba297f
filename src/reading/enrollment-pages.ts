/**
 * The pages of enrollments, read without the rows before or after them, however many there are: a page is merged from
 * strands, each of which has an index in the order of the page. No more of a strand is read than fits the page.
 */
import { Enrollment, Role, type Key } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import type { Database } from '../database/database.js';
import { rowsOfShape } from '../database/known-statements.js';
import { builderFor, rows, unionOf } from '../database/query.js';
import { rowReader, type ReadProperties } from '../database/row-reader.js';
import {
  hasOnlyOurs,
  statusIn,
  studentOf,
  withoutAllStatuses,
  type EnrollmentFilter,
  type EnrollmentOrdering,
  type EnrollmentParent,
  type EnrollmentQuery,
  type EnrollmentRow,
} from './enrollments.js';
import { rowsBy } from './merged-page.js';
import { paged, pageOf, pageShape, placedPage, sortable, type Page, type PageRequest } from './page.js';
import { compareRows, mergedStrands, statusesOf, type StoredEnrollment, type Strand } from './strands.js';
import { rowsOfTeacher } from './teacher-pages.js';
import { requireFewOfStudents } from './students.js';
import { joinShape, takeUsers, withUsers, type JoinedUsers } from './users.js';
import { isTaughtBy, placedViewer, viewerShape, visibleEnrollments } from './visibility.js';

/** Returns one page of the enrollments that a viewer sees. Errors: TooManyRows. */
export async function enrollmentPage(
  database: Database,
  viewer: Viewer,
  given: EnrollmentFilter,
  order: EnrollmentOrdering,
  page: PageRequest,
  properties: ReadProperties = null,
): Promise<Page<EnrollmentRow>> {
  const filter = withoutAllStatuses(database, given);
  const student = studentOf(viewer, filter);
  await requireFewOfStudents(database, student === null ? [] : [student], filter, 'page');
  if (viewer.role !== Role.TEACHER || viewer.userId === null || filter.courseId != null || filter.studentId != null) {
    const [only] = await pagesOf(database, [strandsOf(viewer, filter)], order, page, properties);
    return only!;
  }
  const found = await rowsOfTeacher(database, viewer.userId, filter, order, page);
  return pageOf(sortedRows(database, found, order, properties), page);
}

/**
 * Returns the same page for each of many courses or students, in one statement, in the order of the ids. With
 * `students`, those of a single page are read by the same statement; the properties must include the reference to them.
 * Errors: TooManyRows.
 */
export async function enrollmentPages(
  database: Database,
  viewer: Viewer,
  parent: EnrollmentParent,
  ids: readonly Key[],
  asking: EnrollmentFilter,
  order: EnrollmentOrdering,
  page: PageRequest,
  properties: ReadProperties = null,
  students?: JoinedUsers,
): Promise<Page<EnrollmentRow>[]> {
  const filter = withoutAllStatuses(database, asking);
  const [name, given] =
    parent === 'course_id' ? (['courseId', filter.courseId] as const) : (['studentId', filter.studentId] as const);
  const asked = ids.filter(id => given == null || given === id);
  if (asked.length === 0) return ids.map(() => pageOf([], page));
  const other = parent === 'course_id' ? studentOf(viewer, filter) : (filter.courseId ?? null);
  // Another application's database may have a student in a course several times.
  if (other !== null && hasOnlyOurs(database)) {
    const query = rowsBy(database, 'core_enrollments', ['course_id', 'student_id'], 'unique')
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
  if (parent === 'student_id') await requireFewOfStudents(database, asked, filter, 'page');
  const [only] = ids;
  if (ids.length === 1) return pageUnder(database, viewer, name, only!, filter, order, page, properties, students);
  const strands = ids.map(id => (asked.includes(id) ? strandsOf(viewer, { ...filter, [name]: id }) : []));
  return pagesOf(database, strands, order, page, properties);
}

/** Returns the page of one course or student, whose statement is known if another one of the same shape was read. */
async function pageUnder(
  database: Database,
  viewer: Viewer,
  name: 'courseId' | 'studentId',
  id: Key,
  { status }: EnrollmentFilter,
  order: EnrollmentOrdering,
  page: PageRequest,
  properties: ReadProperties,
  students: JoinedUsers | undefined,
): Promise<Page<EnrollmentRow>[]> {
  if (strandsOf(viewer, { status, [name]: id }).length === 0) return [pageOf([], page)];
  const { shape } = rowReader(database, Enrollment, properties);
  const found = await rowsOfShape(
    database,
    `enrollments of ${name} ${viewerShape(viewer)} ${String(status)} ${pageShape(order, page)} ${shape} ${joinShape(students)}`,
    { viewer, id, page },
    place => {
      const seeing = placedViewer(
        viewer,
        place(given => given.viewer.userId),
      );
      const strands = strandsOf(seeing, { status, [name]: place(given => given.id) });
      const query = mergedStrands(database, strands, order, placedPage(page, place), properties);
      return students ? (withUsers(database, query as never, 'student_id', students) as typeof query) : query;
    },
  );
  // The row beyond the page, which shows that there is another one, may have a student too.
  if (students) takeUsers(found, students);
  // A merge has no order.
  return [pageOf(sortedRows(database, found.toSorted(compareRows(database, order, page)), order, properties), page)];
}

/** Reads several pages that have at most one row each, because course and student are given, by one list of keys. */
async function pagesOfOneRow(
  database: Database,
  query: EnrollmentQuery,
  parent: EnrollmentParent,
  ids: readonly Key[],
  order: EnrollmentOrdering,
  page: PageRequest,
): Promise<Page<EnrollmentRow>[]> {
  const { columns } = rowReader(database, Enrollment);
  const found = await rows(database, paged(database, query, order, { ...page, size: ids.length }).select(columns));
  const byParent = Map.groupBy(found, row => row[parent]);
  return ids.map(id => pageOf(sortedRows(database, byParent.get(id) ?? [], order, null), page));
}

/** Reads several pages in one statement, each from strands of its own. */
async function pagesOf(
  database: Database,
  pages: readonly (readonly Strand[])[],
  order: EnrollmentOrdering,
  page: PageRequest,
  properties: ReadProperties,
): Promise<Page<EnrollmentRow>[]> {
  const parts = pages.flatMap((strands, at) =>
    strands.length === 0
      ? []
      : [
          builderFor(database)
            .selectFrom(mergedStrands(database, strands, order, page, properties).as('page'))
            .selectAll()
            .select(eb => eb.lit(at).as('at')),
        ],
  );
  if (parts.length === 0) return pages.map(() => pageOf<EnrollmentRow>([], page));
  const found = await rows(database, unionOf(parts));
  const byPage = Map.groupBy(found, ({ at }) => at);
  // A union has no order, so each part is sorted again.
  return pages.map((_, at) =>
    pageOf(
      sortedRows(database, (byPage.get(at) ?? []).toSorted(compareRows(database, order, page)), order, properties),
      page,
    ),
  );
}

/**
 * Returns the strands of a page of all enrollments, or of those of a course or student; not of a teacher's courses,
 * which have many strands.
 */
function strandsOf(viewer: Viewer, filter: EnrollmentFilter): Strand[] {
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
  const statuses = statusesOf(filter.status);
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

/** Returns plain rows, each with the raw value by which its page is ordered. */
function sortedRows(
  database: Database,
  stored: readonly StoredEnrollment[],
  order: EnrollmentOrdering,
  properties: ReadProperties,
): EnrollmentRow[] {
  const { plain, sortValue } = rowReader(database, Enrollment, properties);
  return stored.map(row => sortable(plain(row), sortValue(row, order.column)));
}
