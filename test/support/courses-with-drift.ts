import type { Database } from '../../src/database/database.js';

/**
 * Returns the courses whose stored counts differ from COUNT(*). The enrollments are read once for all courses: MySQL
 * read them all for each course where its statistics were not made yet.
 */
export function coursesWithDrift(database: Database): Promise<unknown[]> {
  return database.em.fork().execute(
    `select c.id, c.title, c.total_enrollments, c.active_enrollments
     from core_course c
     left join (select course_id, count(*) as total, count(case when status = 'active' then 1 end) as active
                from core_enrollments group by course_id) e on e.course_id = c.id
     where c.total_enrollments <> coalesce(e.total, 0) or c.active_enrollments <> coalesce(e.active, 0)`,
  );
}
