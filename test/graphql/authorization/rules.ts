/**
 * The rules of visibility, written a second time, on the rows as plain SQL reads them: the tests compare answers with
 * these.
 */
import type { Database } from '../../../src/database/database.js';
import { Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';

interface UserFacts {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly role: string;
}
export interface CourseFacts {
  readonly id: number;
  readonly title: string;
  readonly description: string | null;
  readonly status: string;
  readonly is_published: number;
  readonly capacity: number | null;
  readonly instructor_id: number | null;
  readonly total_enrollments: number;
  readonly active_enrollments: number;
}
export interface EnrollmentFacts {
  readonly id: number;
  readonly course_id: number;
  readonly student_id: number;
  readonly status: string;
}

/** All rows of the three tables at one moment. */
export interface Facts {
  readonly users: ReadonlyMap<number, UserFacts>;
  readonly courses: ReadonlyMap<number, CourseFacts>;
  readonly enrollments: ReadonlyMap<number, EnrollmentFacts>;
}

/** Reads all rows by plain SQL. */
export async function factsOf({ em }: Database): Promise<Facts> {
  const read = async <Row extends { id: number }>(table: string): Promise<Map<number, Row>> => {
    const rows = await em.fork().execute<Row[]>(`select * from ${table}`);
    return new Map(rows.map(row => [Number(row.id), row]));
  };
  return {
    users: await read('core_user'),
    courses: await read('core_course'),
    enrollments: await read('core_enrollments'),
  };
}

function teaches(viewer: Viewer | null, course: CourseFacts): boolean {
  return viewer?.role === Role.TEACHER && viewer.userId !== null && Number(course.instructor_id) === viewer.userId;
}

export function manages(viewer: Viewer | null, course: CourseFacts): boolean {
  return viewer?.role === Role.ADMIN || teaches(viewer, course);
}

function isEnrolled(viewer: Viewer | null, course: CourseFacts, { enrollments }: Facts): boolean {
  return (
    viewer?.userId != null &&
    [...enrollments.values()].some(
      one => Number(one.course_id) === Number(course.id) && Number(one.student_id) === viewer.userId,
    )
  );
}

export function maySeeCourse(viewer: Viewer | null, course: CourseFacts, facts: Facts): boolean {
  return Number(course.is_published) === 1 || manages(viewer, course) || isEnrolled(viewer, course, facts);
}

export function maySeeEnrollment(
  viewer: Viewer | null,
  { course_id, student_id }: EnrollmentFacts,
  { courses }: Facts,
): boolean {
  if (!viewer) return false;
  return (
    viewer.role === Role.ADMIN ||
    (viewer.userId !== null && Number(student_id) === viewer.userId) ||
    teaches(viewer, courses.get(Number(course_id))!)
  );
}

export function maySeeEmail(viewer: Viewer | null, userId: number): boolean {
  return viewer?.role === Role.ADMIN || (viewer?.userId != null && viewer.userId === userId);
}

/**
 * Returns the users that a viewer can see: the viewer, teachers of visible courses, students of visible enrollments;
 * all for admins.
 */
export function maySeeUser(viewer: Viewer | null, userId: number, facts: Facts): boolean {
  if (viewer?.role === Role.ADMIN || viewer?.userId === userId) return true;
  const { courses, enrollments } = facts;
  return (
    [...courses.values()].some(
      course => Number(course.instructor_id) === userId && maySeeCourse(viewer, course, facts),
    ) ||
    [...enrollments.values()].some(one => Number(one.student_id) === userId && maySeeEnrollment(viewer, one, facts))
  );
}
