import type { Database } from '../database/database.js';
import { Role } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import type { CourseRow } from './courses.js';
import { builderFor, rows } from '../database/query.js';
import { seesCourse } from './visibility.js';

/** The most courses in one statement. */
const MAX_ASKED_COURSES = 1000;

/** A function that returns true if a viewer sees a course. */
export type CourseVisibility = (viewer: Viewer | null, course: CourseRow) => boolean;

/**
 * Returns which of many viewers see which of the courses, by the rule of visibleCourses(): unpublished courses are
 * looked up once for all viewers, with one statement for each thousand of them.
 */
export async function courseAudience(
  database: Database,
  viewers: readonly (Viewer | null)[],
  courses: readonly CourseRow[],
): Promise<CourseVisibility> {
  const hidden = courses.filter(({ isPublished }) => !isPublished).map(({ id }) => id);
  const users = [
    ...new Set(
      viewers.flatMap(viewer => (viewer?.userId == null || viewer.role === Role.ADMIN ? [] : [viewer.userId])),
    ),
  ];
  const enrolled = new Set<string>();
  for (let from = 0; users.length > 0 && from < hidden.length; from += MAX_ASKED_COURSES) {
    const some = hidden.slice(from, from + MAX_ASKED_COURSES);
    const query = builderFor(database)
      .selectFrom('core_enrollments')
      .select(['course_id', 'student_id'])
      .where('course_id', 'in', some)
      .where('student_id', 'in', users);
    for (const { course_id, student_id } of await rows(database, query)) enrolled.add(`${course_id},${student_id}`);
  }
  return (viewer, course) => seesCourse(viewer, course, userId => enrolled.has(`${course.id},${userId}`));
}
