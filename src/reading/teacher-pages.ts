import { sql, type SelectQueryBuilder } from 'kysely';
import type { Database } from '../database/database.js';
import { builderFor, rows, unionOf } from '../database/query.js';
import { numberOf, type StoredAggregate, type StoredMoment, type Tables } from '../database/tables.js';
import type { EnrollmentStatus, Key } from '../entities/index.js';
import { statusIn, type EnrollmentFilter, type EnrollmentOrdering, type EnrollmentQuery } from './enrollments.js';
import { betweenCursors, fromEnd, paged, sorted, type PageRequest } from './page.js';
import { rowsBy } from './merged-page.js';
import { fitsLimit, hasMoreThan, maxRowsRead, TooManyRows } from './rows-limit.js';
import { isInTaughtCourse } from './visibility.js';
import { requireFewOfStudents } from './students.js';
import { compareRows, mergedStrands, statusesOf, type StoredEnrollment, type Strand } from './strands.js';

/** The first row of a strand after the page's cursor. */
interface Head {
  readonly course_id: Key;
  readonly status: EnrollmentStatus | null;
  readonly enrolled_at: StoredMoment;
  readonly id: Key;
}

/** The most rows of a course that are read only to find its first one after a cursor: about 30 µs. */
const MAX_SKIPPED_ROWS = 100;

/** The most courses of a teacher that a statement names, each with a query of its own. */
const MAX_COURSES_IN_STATEMENT = 300;

/**
 * Reads the rows of a teacher's page. The first statement reads the first row of each strand after the cursor, one for
 * each course and status: a page of n rows can only have rows of the n strands whose first rows come first. If a first
 * row is deleted before the second statement, the page could lack a later row, so it is read again. Errors: TooManyRows.
 */
export async function rowsOfTeacher(
  database: Database,
  teacher: Key,
  filter: EnrollmentFilter,
  order: EnrollmentOrdering,
  page: PageRequest,
): Promise<StoredEnrollment[]> {
  const own: Strand = {
    studentId: teacher,
    conditions: [eb => eb.not(isInTaughtCourse(teacher)(eb)), ...statusIn(filter.status)],
  };
  const statuses = statusesOf(filter.status);
  await requireFewOfStudents(database, [teacher], filter, 'page');
  const largest = statuses.length === 0 ? [] : await largestTaught(database, teacher, page);
  if (statuses.length > 0) await requireFewTaught(database, teacher, largest, filter, statuses.length, page);
  for (;;) {
    const heads =
      statuses.length === 0 ? [] : await rows(database, firstRows(database, teacher, largest, statuses, order, page));
    const strands = heads.map(({ course_id: courseId, status }) => ({ courseId, status: status ?? undefined }));
    const found = (await rows(database, mergedStrands(database, [...strands, own], order, page))).toSorted(
      compareRows(database, order, page),
    );
    const [lastHead, lastRow] = [heads[page.size], found[page.size]];
    if (!lastHead || (lastRow && compareRows(database, order, page)(lastRow, lastHead) <= 0)) return found;
  }
}

/** The rows that are read for the first row of a strand: its course, the entry of an index, and the row itself. */
const ROWS_OF_HEAD = 3;

/** Makes sure that a teacher's page reads no more rows than are allowed. Errors: TooManyRows. */
async function requireFewTaught(
  database: Database,
  teacher: Key,
  largest: readonly Key[],
  filter: EnrollmentFilter,
  statuses: number,
  { after, before }: PageRequest,
): Promise<void> {
  const refusal = (): TooManyRows => new TooManyRows(database, filter, 'page');
  const most = maxRowsRead(database);
  const ofCourse = statuses * ROWS_OF_HEAD;
  const taught = rowsBy(database, 'core_course', ['instructor_id']).where('instructor_id', '=', teacher);
  // Half of the limit for the first rows, and half for those before a cursor.
  if (
    !(await fitsLimit(database, 'core_course', 2 * ofCourse)) &&
    (await hasMoreThan(database, taught, most / 2 / (1 + ofCourse)))
  )
    throw refusal();
  if ((!after && !before) || (await fitsLimit(database, 'core_enrollments', 2))) return;
  const unnamed = largest.length === 0 ? taught : taught.where('id', 'not in', [...largest]);
  const [skipped] = await rows(
    database,
    unnamed.select(eb => eb.fn.sum<StoredAggregate>('total_enrollments').as('count')),
  );
  if (numberOf(skipped!.count) > most / 2) throw refusal();
}

/** Returns the query for the first rows of the strands of a teacher's courses, as many as a page can need. */
function firstRows(
  database: Database,
  teacher: Key,
  largest: readonly Key[],
  statuses: readonly (EnrollmentStatus | undefined)[],
  order: EnrollmentOrdering,
  page: PageRequest,
): SelectQueryBuilder<Tables, 'core_enrollments', Head> {
  const db = builderFor(database);
  const heads = statuses.flatMap(status => {
    const taught = db.selectFrom('core_course').where('instructor_id', '=', teacher);
    const ofCourse = rowsOfCourse(database, status, order).whereRef(
      'core_enrollments.course_id',
      '=',
      'core_course.id' as never,
    );
    const head = headOf(database, ofCourse, status, order, page);
    return [
      (largest.length === 0 ? taught : taught.where('core_course.id', 'not in', [...largest])).select(eb => [
        'core_course.id as of_course',
        eb.val(status ?? null).as('of_status'),
        head.as('head'),
      ]),
      ...largest.map(id =>
        db
          .selectFrom('core_course')
          .where('core_course.id', '=', id)
          .select(eb => [
            'core_course.id as of_course',
            eb.val(status ?? null).as('of_status'),
            headOf(database, rowsOfCourse(database, status, order).where('course_id', '=', id), status, order, page).as(
              'head',
            ),
          ]),
      ),
    ];
  });
  const found = db
    .selectFrom(unionOf(heads).as('heads'))
    .innerJoin('core_enrollments', 'core_enrollments.id', 'heads.head')
    .select(['of_course as course_id', 'of_status as status', 'enrolled_at', 'id']);
  const inOrder = paged(database, found as never, order, { ...page, after: null, before: null });
  return inOrder as unknown as SelectQueryBuilder<Tables, 'core_enrollments', Head>;
}

/** Returns the query for the rows of a course, which is a condition still to add, by the index that has them in order. */
function rowsOfCourse(
  database: Database,
  status: EnrollmentStatus | undefined,
  { column }: EnrollmentOrdering,
): EnrollmentQuery {
  const chosen = ['course_id', ...(status === undefined ? [] : ['status'])];
  const all = rowsBy(database, 'core_enrollments', [...chosen, ...(column === 'id' ? [] : [column])]);
  return status === undefined ? all : all.where('status', '=', status);
}

/**
 * Returns the query for the first row of a strand of one course. It is ordered by all columns of the index, because
 * MySQL otherwise sorts all rows of a course that an outer query supplies.
 */
function headOf(
  database: Database,
  ofCourse: EnrollmentQuery,
  status: EnrollmentStatus | undefined,
  order: EnrollmentOrdering,
  page: PageRequest,
): SelectQueryBuilder<Tables, 'core_enrollments', { id: Key }> {
  const direction = fromEnd(order, page) ? 'desc' : 'asc';
  const byCourse = betweenCursors(database, ofCourse, order, page).orderBy('course_id', direction);
  const byStrand = status === undefined ? byCourse : byCourse.orderBy('status', direction);
  return sorted(byStrand, order, page).limit(sql.lit(1)).select('id');
}

/**
 * Returns the courses of a teacher with many enrollments, if a page has a cursor: in a course that an outer query
 * supplies, MySQL and MariaDB read all rows before the cursor.
 */
async function largestTaught(database: Database, teacher: Key, { after, before }: PageRequest): Promise<Key[]> {
  if (!after && !before) return [];
  const found = await rows(
    database,
    builderFor(database)
      .selectFrom('core_course')
      .where('instructor_id', '=', teacher)
      .where('total_enrollments', '>', MAX_SKIPPED_ROWS)
      .orderBy('total_enrollments', 'desc')
      .limit(sql.lit(MAX_COURSES_IN_STATEMENT))
      .select('id'),
  );
  return found.map(({ id }) => id);
}
