/**
 * The rules of access to changes, written a second time: the tests compare the rows before and after a mutation with
 * these.
 */
import { Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';
import { manages, maySeeCourse, type CourseFacts, type EnrollmentFacts, type Facts } from './rules.js';

/** Returns each change between two moments that this viewer may not make. */
export function forbiddenChanges(viewer: Viewer | null, before: Facts, after: Facts): string[] {
  if (viewer?.role === Role.ADMIN) return [];
  return [
    ...changes(before.users, after.users, () => false).map(id => `user ${id}`),
    ...changes(before.courses, after.courses, (was, is) => mayChangeCourse(viewer, was, is)).map(id => `course ${id}`),
    ...changes(before.enrollments, after.enrollments, (was, is) => mayChangeEnrollment(viewer, was, is, before)).map(
      id => `enrollment ${id}`,
    ),
  ];
}

function changes<Row>(
  before: ReadonlyMap<number, Row>,
  after: ReadonlyMap<number, Row>,
  isAllowed: (was: Row | undefined, is: Row | undefined) => boolean,
): number[] {
  const ids = [...new Set([...before.keys(), ...after.keys()])];
  return ids.filter(
    id => JSON.stringify(before.get(id)) !== JSON.stringify(after.get(id)) && !isAllowed(before.get(id), after.get(id)),
  );
}

function mayChangeCourse(viewer: Viewer | null, was: CourseFacts | undefined, is: CourseFacts | undefined): boolean {
  if (!is) return false;
  if (!was) return manages(viewer, is);
  const own = ({ total_enrollments: _total, active_enrollments: _active, ...rest }: CourseFacts): string =>
    JSON.stringify(rest);
  return own(was) === own(is) || (manages(viewer, was) && manages(viewer, is));
}

function mayChangeEnrollment(
  viewer: Viewer | null,
  was: EnrollmentFacts | undefined,
  is: EnrollmentFacts | undefined,
  before: Facts,
): boolean {
  const courseOf = (row: EnrollmentFacts): CourseFacts => before.courses.get(Number(row.course_id))!;
  const isOwn = (row: EnrollmentFacts): boolean => viewer?.userId != null && Number(row.student_id) === viewer.userId;
  if (was && is) return manages(viewer, courseOf(was)) && manages(viewer, courseOf(is));
  if (was) return isOwn(was) || manages(viewer, courseOf(was));
  const course = courseOf(is!);
  if (manages(viewer, course)) return true;
  return (
    viewer?.role === Role.STUDENT &&
    isOwn(is!) &&
    maySeeCourse(viewer, course, before) &&
    Number(course.is_published) === 1 &&
    course.status === 'active'
  );
}
