import { CourseStatus, Role, type Key } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import { builderFor } from '../database/query.js';
import { dialectOf, type Database } from '../database/database.js';
import { storedBoolean, type ColumnOf } from '../database/tables.js';
import { hasOnlyOurs } from './enrollments.js';
import type { CourseFilter, CourseOrdering } from './course-filter.js';
import { rowsBy, rowsByKey, rowsInOrder, type CourseQuery } from './merged-page.js';
import type { PageRequest } from './page.js';
import { fitsLimit, hasMoreThan, maxRowsRead, TooManyRows } from './rows-limit.js';
import type { Condition } from './visibility.js';

/**
 * Returns the strands of the courses that a viewer sees, of which each course is in one: those that are published, or
 * not, or in one stage, which an index has in order; and the few unpublished ones that the viewer instructs or is
 * enrolled in.
 */
export function courseStrands(
  database: Database,
  viewer: Viewer | null,
  { status, isPublished }: CourseFilter,
  order: CourseOrdering,
  page: PageRequest,
): CourseQuery[] {
  const asked = [...new Set(status ?? Object.values(CourseStatus))];
  if (asked.length === 0) return [];
  const isAny = asked.length === Object.values(CourseStatus).length;
  const whole = (published: boolean | null | undefined): CourseQuery[] =>
    isAny
      ? [wholeStrand(database, published, undefined, order, page)]
      : asked.map(one => wholeStrand(database, published, one, order, page));
  if (viewer?.role === Role.ADMIN) {
    if (isPublished != null) return whole(isPublished);
    if (isAny) return whole(undefined);
    return [...whole(true), ...whole(false), ...(hasOnlyOurs(database) ? [] : whole(null))];
  }
  const hidden = isPublished === true || viewer?.userId == null ? [] : ownHidden(database, viewer, viewer.userId);
  return [
    ...(isPublished === false ? [] : whole(true)),
    ...(isAny ? hidden : hidden.map(own => own.where('status', 'in', asked))),
  ];
}

/** The rows that are read at most of each unpublished course that a viewer instructs or is enrolled in. */
const ROWS_OF_HIDDEN = 3;

/**
 * Makes sure that a viewer is in few enough courses to look for unpublished ones among them, which are read and sorted.
 * Errors: TooManyRows.
 */
export async function requireFewHidden(database: Database, viewer: Viewer | null, filter: CourseFilter): Promise<void> {
  if (viewer?.userId == null || viewer.role === Role.ADMIN || filter.isPublished === true) return;
  // Another application's database may have a student in a course several times.
  const table = hasOnlyOurs(database) ? 'core_course' : 'core_enrollments';
  if (await fitsLimit(database, table, ROWS_OF_HIDDEN)) return;
  // Together with the rows that are then read, no more than the limit.
  const most = maxRowsRead(database);
  const enrolled = rowsBy(database, 'core_enrollments', ['student_id']).where('student_id', '=', viewer.userId);
  const taught = rowsBy(database, 'core_course', ['instructor_id']).where('instructor_id', '=', viewer.userId);
  if (
    (await hasMoreThan(database, enrolled, most / 8)) ||
    (viewer.role === Role.TEACHER && (await hasMoreThan(database, taught, most / 4)))
  )
    throw new TooManyRows(database, filter, 'page');
}

/** Returns a strand; `isPublished` is null for courses of another application of which that is not known. */
function wholeStrand(
  database: Database,
  isPublished: boolean | null | undefined,
  status: CourseStatus | undefined,
  order: CourseOrdering,
  page: PageRequest,
): CourseQuery {
  if (isPublished === undefined)
    return order.column === 'id' ? rowsByKey(database, 'core_course') : rowsBy(database, 'core_course', [order.column]);
  const stored = isPublished === null ? null : storedBoolean(isPublished);
  const published = ['is_published' satisfies ColumnOf<'core_course'>, stored] as const;
  const stage = ['status' satisfies ColumnOf<'core_course'>, status] as const;
  return rowsInOrder(database, 'core_course', status ? [published, stage] : [published], order, page);
}

/** Returns the unpublished courses that a viewer instructs, and those others in which the viewer is enrolled. */
function ownHidden(database: Database, { role }: Viewer, userId: Key): CourseQuery[] {
  const taught: Condition<'core_course'> = eb => eb('instructor_id', '=', userId);
  const enrolled = (builderFor(database).selectFrom('core_course') as CourseQuery).where(eb =>
    dialectOf(database).sql.isAmongFew(
      eb.ref('core_course.id'),
      eb.selectFrom('core_enrollments').select('core_enrollments.course_id').where('student_id', '=', userId),
    ),
  );
  const own =
    role === Role.TEACHER
      ? [
          rowsBy(database, 'core_course', ['instructor_id', 'is_published']).where(taught),
          enrolled.where(eb => eb.or([eb('instructor_id', 'is', null), eb('instructor_id', '!=', userId)])),
        ]
      : [enrolled];
  return own.map(query =>
    query.where(eb =>
      hasOnlyOurs(database)
        ? eb('is_published', '=', storedBoolean(false))
        : eb.or([eb('is_published', '=', storedBoolean(false)), eb('is_published', 'is', null)]),
    ),
  );
}
