import { CourseStatus, Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';
import { addCourses, addEnrollments, addUsers } from '../../support/rows.js';
import type { Api } from '../../support/api.js';

/** Each kind of viewer, by name. */
export type Viewers = Readonly<Record<string, Viewer | null>>;

/** Fills a database with courses that differ in who sees them, and returns the viewers. */
export async function newSchool({ database }: Api): Promise<Viewers> {
  const students = await addUsers(database, Role.STUDENT, 5);
  const teachers = await addUsers(database, Role.TEACHER, 3);
  const [admin] = (await addUsers(database, Role.ADMIN, 1)) as [number];
  const kinds = teachers.flatMap(instructor =>
    [true, false].flatMap(isPublished =>
      [CourseStatus.ACTIVE, CourseStatus.DRAFT].map(status => ({
        instructor,
        isPublished,
        status,
        capacity: isPublished ? 3 : null,
      })),
    ),
  );
  const courses = await addCourses(database, [...kinds, { isPublished: false }, { isPublished: true }]);
  const [ada, ben, cem] = students as [number, number, number];
  await addEnrollments(database, [
    ...courses.filter((_, index) => index % 2 === 0).map(course => ({ course, student: ada })),
    ...courses.filter((_, index) => index % 3 === 1).map(course => ({ course, student: ben })),
    // Courses of others, hidden ones among them, in which a teacher is a student.
    ...courses.slice(0, 4).map(course => ({ course, student: teachers[1]! })),
  ]);
  // Unique texts, so that one of them in an answer comes from its row.
  for (const id of courses)
    await database.em
      .getConnection()
      .execute(
        'update core_course set title = ?, description = ? where id = ?',
        [`Title-${id}-of-a-course`, `Words-${id}-on-a-course`, id],
        'run',
      );
  for (const id of [...students, ...teachers, admin])
    await database.em
      .getConnection()
      .execute(
        'update core_user set name = ?, email = ? where id = ?',
        [`Name-${id}-of-a-user`, `mail-${id}-of@example.org`, id],
        'run',
      );
  return {
    anonymous: null,
    'a student in some courses': { userId: ada, role: Role.STUDENT },
    'a student in others': { userId: ben, role: Role.STUDENT },
    'a student in none': { userId: cem, role: Role.STUDENT },
    'a teacher': { userId: teachers[0]!, role: Role.TEACHER },
    'a teacher who is a student too': { userId: teachers[1]!, role: Role.TEACHER },
    'a teacher of nothing': { userId: students[4]!, role: Role.TEACHER },
    'an admin': { userId: admin, role: Role.ADMIN },
    'an admin without a user': { userId: null, role: Role.ADMIN },
  };
}
