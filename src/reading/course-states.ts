import { countersInto } from 'mikro-orm-counters';
import type { Database } from '../database/database.js';
import { builderFor, rows } from '../database/query.js';
import { isTrue, type ColumnOf } from '../database/tables.js';
import { counters, Course, sortedKeys, type Key } from '../entities/index.js';
import type { CourseRow } from './courses.js';

/** The most ids that one statement lists. */
const MAX_LISTED_IDS = 5000;

/** The most ids of a range for each wanted one; a range is read faster than a list. */
const MAX_RANGE_FACTOR = 2;

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
 * Returns the committed states of the courses with these ids, or of all (null), by id. Up to 5,000 courses, and any number whose
 * ids are close together, take one statement, which may read as many other courses again and returns them too; more
 * take one for each 5,000 of them, however many courses there are.
 */
export async function courseStates(database: Database, ids: readonly Key[] | null): Promise<Map<Key, CourseState>> {
  const counts = countersInto(database.em, Course).map(({ property, column }) => ({
    property,
    column: column as ColumnOf<'core_course'>,
  }));
  const all = builderFor(database)
    .selectFrom('core_course')
    .select(['id', 'is_published', 'instructor_id', ...counts.map(({ column }) => column)])
    .orderBy('id');
  const queries =
    ids === null
      ? [all]
      : choicesOf(ids).map(choice =>
          'first' in choice
            ? all.where('id', '>=', choice.first).where('id', '<=', choice.last)
            : all.where('id', 'in', choice),
        );
  const states = new Map<Key, CourseState>();
  for (const query of queries) {
    for (const row of await rows(database, query)) {
      const stored = Object.fromEntries(counts.map(({ property, column }) => [property, row[column]]));
      states.set(
        row.id,
        courseStateOf({ isPublished: isTrue(row.is_published), instructorId: row.instructor_id, ...stored }),
      );
    }
  }
  return states;
}

/** A choice of courses by one statement: a list of ids, or all from the first to the last. */
type Choice = readonly Key[] | { readonly first: number; readonly last: number };

function choicesOf(ids: readonly Key[]): Choice[] {
  if (ids.length <= MAX_LISTED_IDS) return [[...ids]];
  const sorted = sortedKeys(ids);
  if (areDense(sorted)) return [rangeOf(sorted)];
  const parts = Array.from({ length: Math.ceil(sorted.length / MAX_LISTED_IDS) }, (_, index) =>
    sorted.slice(index * MAX_LISTED_IDS, (index + 1) * MAX_LISTED_IDS),
  );
  return parts.map(part => (areDense(part) ? rangeOf(part) : part));
}

function rangeOf(sorted: readonly number[]): { first: number; last: number } {
  return { first: sorted[0]!, last: sorted.at(-1)! };
}

/** Returns true for keys that are close together, which only numbers can be. */
function areDense(sorted: readonly Key[]): sorted is readonly number[] {
  const [first, last] = [sorted[0]!, sorted.at(-1)!];
  return typeof first === 'number' && typeof last === 'number' && last - first < MAX_RANGE_FACTOR * sorted.length;
}
