import type { Database } from '../../database/database.js';
import { builderFor, rows } from '../../database/query.js';
import { storedBoolean } from '../../database/tables.js';
import { CourseStatus, Role, User, type Key } from '../../entities/index.js';

/** The id of one user of each role, to try things out with; null where there is none. */
export interface ExampleAccounts {
  readonly admin: Key | null;
  readonly teacher: Key | null;
  readonly student: Key | null;
}

/** Returns an admin, a teacher and a student: the teacher of the fullest open course and a student in it, if possible. */
export async function exampleAccounts(database: Database): Promise<ExampleAccounts> {
  const em = database.em.fork();
  const [course] = await rows(
    database,
    builderFor(database)
      .selectFrom('core_course as course')
      .innerJoin('core_user as teacher', 'teacher.id', 'course.instructor_id')
      .select(['course.id', 'course.instructor_id'])
      .where('course.status', '=', CourseStatus.ACTIVE)
      .where('course.is_published', '=', storedBoolean(true))
      .where('teacher.role', '=', Role.TEACHER)
      .orderBy('course.total_enrollments', 'desc')
      .orderBy('course.id')
      .limit(1),
  );
  const [enrolled] = await rows(
    database,
    builderFor(database)
      .selectFrom('core_enrollments as enrollment')
      .innerJoin('core_user as student', 'student.id', 'enrollment.student_id')
      .select('enrollment.student_id')
      .where('enrollment.course_id', '=', course?.id ?? 0)
      .where('student.role', '=', Role.STUDENT)
      .orderBy('enrollment.id')
      .limit(1),
  );
  const first = async (role: Role): Promise<Key | null> =>
    (await em.findOne(User, { role }, { fields: ['id'], orderBy: { id: 'asc' } }))?.id ?? null;
  return {
    admin: await first(Role.ADMIN),
    teacher: course?.instructor_id ?? (await first(Role.TEACHER)),
    student: enrolled?.student_id ?? (await first(Role.STUDENT)),
  };
}
