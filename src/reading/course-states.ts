import type { Database } from '../database/database.js';
import type { CourseRow } from './courses.js';
import { builderFor, rows } from '../database/query.js';
import { isTrue } from '../database/tables.js';

/** The most ids in one statement; for more of them the whole table is read, which is no slower then. */
const MAX_LISTED_IDS = 5000;

/** The state of a course that subscribers depend on: its stored counts, whether it is published, and its teacher. */
export type CourseState = string;

/** Returns the state of a course. */
export function courseStateOf({
  totalEnrollments,
  activeEnrollments,
  isPublished,
  instructorId,
}: Pick<CourseRow, 'totalEnrollments' | 'activeEnrollments' | 'isPublished' | 'instructorId'>): CourseState {
  return [totalEnrollments, activeEnrollments, Number(isPublished), instructorId].join();
}

/**
 * Returns the committed states of the courses with these ids (of others too where they are many) or of all, in one
 * statement.
 */
export async function courseStates(
  database: Database,
  ids: readonly number[] | null,
): Promise<Map<number, CourseState>> {
  let query = builderFor(database)
    .selectFrom('core_course')
    .select(['id', 'total_enrollments', 'active_enrollments', 'is_published', 'instructor_id']);
  if (ids !== null && ids.length <= MAX_LISTED_IDS) query = query.where('id', 'in', [...ids]);
  const found = await rows(database, query);
  return new Map(
    found.map(row => [
      row.id,
      courseStateOf({
        totalEnrollments: row.total_enrollments,
        activeEnrollments: row.active_enrollments,
        isPublished: isTrue(row.is_published),
        instructorId: row.instructor_id,
      }),
    ]),
  );
}
