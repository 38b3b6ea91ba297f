import { countersInto } from 'mikro-orm-counters';
import type { Database } from '../database/database.js';
import { builderFor, rows } from '../database/query.js';
import { isTrue, type ColumnOf } from '../database/tables.js';
import { counters, Course } from '../entities/index.js';
import type { CourseRow } from './courses.js';

/** The most ids in one statement; for more of them the whole table is read, which is then no slower. */
const MAX_LISTED_IDS = 5000;

/** The state of a course that subscribers depend on: its stored counts, whether it is published, and its teacher. */
export type CourseState = string;

/** What a course's state is made of. */
type StatedCourse = Pick<CourseRow, 'isPublished' | 'instructorId'> & Partial<CourseRow>;

/** The properties of a course into which counters are declared. */
const storedCounts = counters.filter(({ by }) => by === 'course').map(({ into }) => into as keyof CourseRow);

/** Returns the stored counts of a course as one text, which differs where one of them differs. */
export function storedCountsOf(course: Partial<CourseRow>): string {
  return storedCounts.map(property => course[property]).join();
}

/** Returns the state of a course. */
export function courseStateOf(course: StatedCourse): CourseState {
  return [storedCountsOf(course), Number(course.isPublished), course.instructorId].join();
}

/**
 * Returns the committed states of the courses with these ids (of others too if they are many) or of all, in one
 * statement.
 */
export async function courseStates(
  database: Database,
  ids: readonly number[] | null,
): Promise<Map<number, CourseState>> {
  const counts = countersInto(database.em, Course).map(({ property, column }) => ({
    property,
    column: column as ColumnOf<'core_course'>,
  }));
  let query = builderFor(database)
    .selectFrom('core_course')
    .select(['id', 'is_published', 'instructor_id', ...counts.map(({ column }) => column)]);
  if (ids !== null && ids.length <= MAX_LISTED_IDS) query = query.where('id', 'in', [...ids]);
  const found = await rows(database, query);
  return new Map(
    found.map(row => [
      row.id,
      courseStateOf({
        isPublished: isTrue(row.is_published),
        instructorId: row.instructor_id,
        ...Object.fromEntries(counts.map(({ property, column }) => [property, row[column]])),
      }),
    ]),
  );
}
