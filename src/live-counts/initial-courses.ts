import { shownKey, type Key } from '../entities/index.js';
import type { Database } from '../database/database.js';
import { coursePage, coursesById, type CourseOrdering, type CourseRow, type ReadProperties } from '../reading/index.js';
import type { Viewer } from '../access/viewer.js';
import { SubscriptionRefused } from './subscription-refused.js';

/** The most courses of one subscription. */
export const MAX_COURSES_OF_SUBSCRIPTION = 1000;

const byId: CourseOrdering = { list: 'courses', field: 'ID', column: 'id', descending: false };

const onlyId: ReadProperties = new Set(['id']);

/**
 * Reads the courses with which a subscription begins: the named ones, or all that the viewer sees (null). Errors:
 * SubscriptionRefused if there are too many or none, or if the viewer does not see one of them.
 */
export async function initialCourses(
  database: Database,
  viewer: Viewer | null,
  courseIds: readonly Key[] | null,
): Promise<CourseRow[]> {
  if (courseIds === null) return allCourses(database, viewer, null);
  if (courseIds.length === 0) throw refusedIds('the list names no course; leave it out to subscribe to all courses.');
  if (courseIds.length > MAX_COURSES_OF_SUBSCRIPTION)
    throw refusedIds(
      `the list has ${courseIds.length} ids, and one subscription may have ${MAX_COURSES_OF_SUBSCRIPTION}; open several.`,
    );
  const found = await coursesById(database, viewer, [...new Set(courseIds)]);
  const courses = new Map(found.flatMap(course => (course ? [[course.id, course]] : [])));
  const missing = courseIds.findIndex(id => !courses.has(id));
  if (missing !== -1)
    throw new SubscriptionRefused(
      'NOT_FOUND',
      `Course ${shownKey(courseIds[missing]!)} does not exist, or you may not see it. Leave it out.`,
      `courseIds.${missing}`,
    );
  return [...courses.values()];
}

/**
 * Checks that the courses that a viewer sees are not too many for one subscription; it reads one more than are allowed,
 * however many there are. Errors: SubscriptionRefused.
 */
export async function checkAllCourses(database: Database, viewer: Viewer | null): Promise<void> {
  await allCourses(database, viewer, onlyId);
}

async function allCourses(database: Database, viewer: Viewer | null, properties: ReadProperties): Promise<CourseRow[]> {
  const page = { size: MAX_COURSES_OF_SUBSCRIPTION, backward: false, after: null, before: null };
  const { rows, hasNextPage } = await coursePage(database, viewer, {}, byId, page, properties);
  if (!hasNextPage) return [...rows];
  throw refusedIds(
    `there are more courses than one subscription may have, ${MAX_COURSES_OF_SUBSCRIPTION}; name those that you show.`,
  );
}

function refusedIds(message: string): SubscriptionRefused {
  return new SubscriptionRefused('BAD_USER_INPUT', `courseIds: ${message}`, 'courseIds');
}
