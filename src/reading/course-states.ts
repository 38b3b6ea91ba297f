import type { Database } from '../database/database.js';
import type { CourseRow } from './courses.js';
import { builderFor, rows } from '../database/query.js';

/** Limits the ids of one statement; for more of them the whole table is read, which is no slower then. */
const MOST_IDS = 5000;

/**
 * Is what of a course decides who is told of it and what: its stored counts, whether it is published, and who teaches
 * it.
 */
export type CourseState = string;

/** Gives the state of a course. */
export function courseStateOf({
  totalEnrollments,
  activeEnrollments,
  isPublished,
  instructorId,
}: Pick<CourseRow, 'totalEnrollments' | 'activeEnrollments' | 'isPublished' | 'instructorId'>): CourseState {
  return [totalEnrollments, activeEnrollments, Number(isPublished), instructorId].join();
}

/**
 * Gives the committed states of the courses with these ids, of others too where they are many, or of all; one
 * statement.
 */
export async function courseStates(
  database: Database,
  ids: readonly number[] | null,
): Promise<Map<number, CourseState>> {
  let query = builderFor(database)
    .selectFrom('core_course')
    .select(['id', 'total_enrollments', 'active_enrollments', 'is_published', 'instructor_id']);
  if (ids !== null && ids.length <= MOST_IDS) query = query.where('id', 'in', [...ids]);
  const found = await rows(database, query);
  return new Map(
    found.map(row => [
      row.id,
      courseStateOf({
        totalEnrollments: row.total_enrollments,
        activeEnrollments: row.active_enrollments,
        isPublished: Boolean(row.is_published),
        instructorId: row.instructor_id,
      }),
    ]),
  );
}
