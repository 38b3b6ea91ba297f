import type { Database } from '../../src/database/database.js';
import { User, type EnrollmentStatus, Role } from '../../src/entities/index.js';
import { addCourses, addEnrollments } from '../support/rows.js';

const people: readonly [string, Role][] = [
  ['Ada Byron', Role.ADMIN],
  ['Emmy Noether', Role.TEACHER],
  ...['Alan', 'Barbara', 'Charles', 'Dorothy', 'Edsger', 'Frances', 'Grace', 'Hedy'].map(
    name => [`${name} Student`, Role.STUDENT] as [string, Role],
  ),
];

const titles = ['Introduction to Python', 'Linear Algebra', 'Organic Chemistry', 'Optics'];

/** For each course the students by user id; every third enrollment is COMPLETED, the others are ACTIVE. */
const students = [[3, 4, 5, 6], [3, 4, 5, 6, 7, 8, 9, 10], [5, 6, 7], []];

/**
 * Fills a migrated, empty database with the school of the pages: 10 users, 4 courses, 15 enrollments, all ids from 1.
 */
export async function addExampleSchool(database: Database): Promise<void> {
  const em = database.em.fork();
  for (const [name, role] of people)
    em.create(User, { name, email: `${name.toLowerCase().replace(' ', '.')}@example.org`, role });
  await em.flush();
  await addCourses(
    database,
    titles.map(title => ({ title, instructor: 2 })),
  );
  const enrollments = students.flatMap((ids, course) =>
    ids.map((student, index) => ({
      course: course + 1,
      student,
      status: (index % 3 === 2 ? 'completed' : 'active') as EnrollmentStatus,
    })),
  );
  await addEnrollments(database, enrollments);
}
