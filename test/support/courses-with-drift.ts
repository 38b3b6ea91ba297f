import type { Database } from '../../src/database/database.js';

/** Returns the courses whose stored counts differ from COUNT(*). */
export function coursesWithDrift(database: Database): Promise<unknown[]> {
  return database.em.fork().execute(
    `select c.id, c.title, c.total_enrollments, c.active_enrollments from core_course c
     where c.total_enrollments <> (select count(*) from core_enrollments e where e.course_id = c.id)
        or c.active_enrollments <> (select count(*) from core_enrollments e where e.course_id = c.id and e.status = 'active')`,
  );
}
