/**
 * The rules of what a viewer sees, each as an SQL condition and for a row in memory. Queries, mutations and
 * subscriptions all use them; to a viewer, a hidden row does not exist.
 */
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Expression, ExpressionBuilder, SqlBool } from 'kysely';
import { Role, type Key } from '../entities/index.js';
import type { Viewer } from '../access/viewer.js';
import { builderFor, rowsWithin } from '../database/query.js';
import { storedBoolean, type Tables } from '../database/tables.js';

/** A condition on rows of one table. */
export type Condition<Table extends keyof Tables> = (eb: ExpressionBuilder<Tables, Table>) => Expression<SqlBool>;

/** Returns what of a viewer determines the text of the conditions below; their values are determined by the user id. */
export function viewerShape(viewer: Viewer | null): string {
  return viewer === null ? 'anonymous' : `${viewer.role}${viewer.userId === null ? ' without id' : ''}`;
}

/** Returns a viewer with a place for the user id, which takes the id of each viewer of the same shape. */
export function placedViewer<Known extends Viewer | null>(viewer: Known, userId: Key | null): Known {
  return viewer?.userId == null ? viewer : { ...viewer, userId };
}

/** Returns which courses a viewer sees: published ones, their own as teacher or as student, and admins all. */
export function visibleCourses(viewer: Viewer | null): Condition<'core_course'> | null {
  if (viewer?.role === Role.ADMIN) return null;
  const id = viewer?.userId;
  return eb => {
    const published = eb('is_published', '=', storedBoolean(true));
    if (id == null) return published;
    const enrolled = eb.exists(
      eb
        .selectFrom('core_enrollments')
        .select('core_enrollments.id')
        .whereRef('core_enrollments.course_id', '=', 'core_course.id')
        .where('core_enrollments.student_id', '=', id),
    );
    const taught = viewer?.role === Role.TEACHER ? [eb('instructor_id', '=', id)] : [];
    return eb.or([published, ...taught, enrolled]);
  };
}

/**
 * Returns true if a viewer sees a course, by the same rule; `isEnrolled` is called only if the result depends on it.
 */
export function seesCourse(
  viewer: Viewer | null,
  course: { readonly isPublished: boolean; readonly instructorId: Key | null },
  isEnrolled: (userId: Key) => boolean,
): boolean {
  if (course.isPublished || viewer?.role === Role.ADMIN) return true;
  if (viewer?.userId == null) return false;
  return (viewer.role === Role.TEACHER && course.instructorId === viewer.userId) || isEnrolled(viewer.userId);
}

/**
 * Returns which enrollments a viewer sees: students their own, teachers those of their courses and their own, admins
 * all.
 */
export function visibleEnrollments(viewer: Viewer): Condition<'core_enrollments'> | null {
  if (viewer.role === Role.ADMIN) return null;
  const id = viewer.userId;
  return eb => {
    if (id === null) return eb.lit(false);
    const own = eb('student_id', '=', id);
    if (viewer.role !== Role.TEACHER) return own;
    return eb.or([own, isInTaughtCourse(id)(eb)]);
  };
}

/**
 * Returns the condition that a teacher instructs the course of an enrollment. It is checked for each row, because there
 * are few: a list of the teacher's courses would be built for each page of a statement.
 */
export function isInTaughtCourse(teacher: Key): Condition<'core_enrollments'> {
  return eb =>
    eb.exists(
      eb
        .selectFrom('core_course')
        .select('core_course.id')
        .whereRef('core_course.id', '=', 'core_enrollments.course_id')
        .where('core_course.instructor_id', '=', teacher),
    );
}

/** Returns the condition that a teacher instructs a course, which is the same for all rows of a statement. */
export function isTaughtBy(teacher: Key): (courseId: Key) => Condition<'core_enrollments'> {
  return courseId => eb =>
    eb.exists(
      eb
        .selectFrom('core_course')
        .select('core_course.id')
        .where('core_course.id', '=', courseId)
        .where('core_course.instructor_id', '=', teacher),
    );
}

/** Returns true if a viewer sees an enrollment, by the same rule; `instructorId` is that of its course. */
export function seesEnrollment(
  viewer: Viewer,
  { studentId, instructorId }: { readonly studentId: Key; readonly instructorId: Key | null },
): boolean {
  if (viewer.role === Role.ADMIN) return true;
  if (viewer.userId === null) return false;
  return studentId === viewer.userId || (viewer.role === Role.TEACHER && instructorId === viewer.userId);
}

/** Returns the ids of those courses that a viewer sees within a transaction, without a lock. */
export async function visibleCourseIds(em: SqlEntityManager, viewer: Viewer, ids: readonly Key[]): Promise<Key[]> {
  const visible = visibleCourses(viewer);
  if (!visible) return [...ids];
  if (ids.length === 0) return [];
  const found = await rowsWithin(
    em,
    builderFor({ em })
      .selectFrom('core_course')
      .select('id')
      .where('id', 'in', [...ids])
      .where(visible),
  );
  return found.map(({ id }) => id);
}

/**
 * Returns the course of an enrollment that a viewer sees within a transaction, without a lock; null if there is none.
 */
export async function courseOfVisibleEnrollment(em: SqlEntityManager, viewer: Viewer, id: Key): Promise<Key | null> {
  const visible = visibleEnrollments(viewer);
  let query = builderFor({ em }).selectFrom('core_enrollments').select('course_id').where('id', '=', id);
  if (visible) query = query.where(visible);
  const [row] = await rowsWithin(em, query);
  return row?.course_id ?? null;
}
