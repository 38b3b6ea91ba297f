import type { SelectQueryBuilder } from 'kysely';
import { dialectOf, type Database } from '../database/database.js';
import { builderFor, rows } from '../database/query.js';
import type { StoredMoment, Tables } from '../database/tables.js';
import type { EnrollmentStatus } from '../entities/index.js';
import { statusIn, type EnrollmentFilter, type EnrollmentOrdering, type EnrollmentQuery } from './enrollments.js';
import { betweenCursors, fromEnd, paged, type PageRequest } from './page.js';
import { isInTaughtCourse } from './visibility.js';
import { compareRows, mergedStrands, rowsOfStrand, statusesOf, type StoredEnrollment, type Strand } from './strands.js';

/** The first row of a strand after the page's cursor. */
interface Head {
  readonly course_id: number;
  readonly status: EnrollmentStatus | null;
  readonly enrolled_at: StoredMoment;
  readonly id: number;
}

/**
 * Reads the rows of a teacher's page. The first statement reads the first row of each strand after the cursor, one for
 * each course and status: a page of n rows can only have rows of the n strands whose first rows come first. If a first
 * row is deleted before the second statement, the page could lack a later row, so it is read again.
 */
export async function rowsOfTeacher(
  database: Database,
  teacher: number,
  filter: EnrollmentFilter,
  order: EnrollmentOrdering,
  page: PageRequest,
): Promise<StoredEnrollment[]> {
  const own: Strand = {
    studentId: teacher,
    conditions: [eb => eb.not(isInTaughtCourse(teacher)(eb)), ...statusIn(filter.status)],
  };
  const statuses = statusesOf(filter, order, true);
  for (;;) {
    const heads =
      statuses.length === 0 ? [] : await rows(database, firstRows(database, teacher, statuses, order, page));
    const strands = heads.map(({ course_id: courseId, status }) => ({ courseId, status: status ?? undefined }));
    const found = (await rows(database, mergedStrands(database, [...strands, own], order, page))).toSorted(
      compareRows(order, page),
    );
    const [lastHead, lastRow] = [heads[page.size], found[page.size]];
    if (!lastHead || (lastRow && compareRows(order, page)(lastRow, lastHead) <= 0)) return found;
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
