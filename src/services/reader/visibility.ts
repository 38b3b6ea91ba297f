import type { Expression, ExpressionBuilder, SqlBool } from 'kysely';
import { Role } from '../../entities/index.js';
import type { Viewer } from '../viewer.js';
import type { Tables } from './tables.js';

/** Is a condition on rows of one table. */
export type Condition<Table extends keyof Tables> = (eb: ExpressionBuilder<Tables, Table>) => Expression<SqlBool>;

/** Gives which courses a viewer sees: published ones, their own as teacher or as student, and admins all. */
export function visibleCourses(viewer: Viewer | null): Condition<'core_course'> | null {
  if (viewer?.role === Role.ADMIN) return null;
  const id = viewer?.userId;
  return eb => {
    const published = eb('is_published', '=', 1);
    if (id == null) return published;
    const enrolled = eb.exists(
      eb.selectFrom('core_enrollments').select('core_enrollments.id').whereRef('core_enrollments.course_id', '=', 'core_course.id').where('core_enrollments.student_id', '=', id),
    );
    const taught = viewer?.role === Role.TEACHER ? [eb('instructor_id', '=', id)] : [];
    return eb.or([published, ...taught, enrolled]);
  };
}

/** Gives which enrollments a viewer sees: students their own, teachers those of their courses and their own, admins all. */
export function visibleEnrollments(viewer: Viewer): Condition<'core_enrollments'> | null {
  if (viewer.role === Role.ADMIN) return null;
  const id = viewer.userId;
  return eb => {
    if (id === null) return eb.lit(false);
    const own = eb('student_id', '=', id);
    if (viewer.role !== Role.TEACHER) return own;
    return eb.or([own, eb('course_id', 'in', eb.selectFrom('core_course').select('core_course.id').where('core_course.instructor_id', '=', id))]);
  };
}
