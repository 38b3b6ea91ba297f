import type { Database } from '../../database/database.js';
import { CourseStatus, Role, User } from '../../entities/index.js';

/** Holds the id of one user of each role, to try things out with; null where there is none. */
export interface ExampleAccounts {
  readonly admin: number | null;
  readonly teacher: number | null;
  readonly student: number | null;
}

/**
 * Finds an admin, a teacher and a student; rather the teacher of the fullest open course and a student in it than any.
 */
export async function exampleAccounts(database: Database): Promise<ExampleAccounts> {
  const em = database.em.fork();
  const [course] = await em.execute<{ id: number; instructor_id: number }[]>(
    `select c.id, c.instructor_id from core_course c join core_user u on u.id = c.instructor_id
     where c.status = ? and c.is_published = ? and u.role = ? order by c.total_enrollments desc, c.id limit 1`,
    [CourseStatus.ACTIVE, true, Role.TEACHER],
  );
  const [enrolled] = await em.execute<{ student_id: number }[]>(
    `select e.student_id from core_enrollments e join core_user u on u.id = e.student_id
     where e.course_id = ? and u.role = ? order by e.id limit 1`,
    [course?.id ?? 0, Role.STUDENT],
  );
  const first = async (role: Role): Promise<number | null> =>
    (await em.findOne(User, { role }, { fields: ['id'], orderBy: { id: 'asc' } }))?.id ?? null;
  return {
    admin: await first(Role.ADMIN),
    teacher: course?.instructor_id ?? (await first(Role.TEACHER)),
    student: enrolled?.student_id ?? (await first(Role.STUDENT)),
  };
}
