import { ref } from '@mikro-orm/core';
import type { Database } from '../../../src/database/database.js';
import { Course, CourseStatus, Role, User, type EnrollmentStatus } from '../../../src/entities/index.js';
import { countsIn, type School } from './school.js';

/** What the database holds: the rows as the model has them, and the stored counts by course, all and ACTIVE. */
export interface Tables {
  readonly school: School;
  readonly stored: ReadonlyMap<number, readonly [number, number]>;
}

/**
 * Empties the tables and fills them for a new run: four students, two teachers, an admin, three open courses and a
 * draft.
 */
export async function seedTables(database: Database): Promise<void> {
  for (const table of ['core_enrollments', 'core_course', 'core_user'])
    await database.em.getConnection().execute(`delete from ${table}`, [], 'run');
  const em = database.em.fork();
  const roles = [Role.STUDENT, Role.STUDENT, Role.STUDENT, Role.STUDENT, Role.TEACHER, Role.TEACHER, Role.ADMIN];
  const users = roles.map((role, index) =>
    em.create(User, { name: 'Somebody', email: `user-${index}@example.org`, role }),
  );
  const open = { status: CourseStatus.ACTIVE, isPublished: true };
  em.create(Course, { title: 'Two seats', ...open, capacity: 2, instructor: ref(users[4]!) });
  em.create(Course, { title: 'No limit', ...open, instructor: ref(users[5]!) });
  em.create(Course, { title: 'One seat', ...open, capacity: 1 });
  em.create(Course, { title: 'Not yet', instructor: ref(users[4]!) });
  await em.flush();
}

/** Reads all tables by SQL. */
export async function readTables(database: Database): Promise<Tables> {
  const rows = <Row>(columns: string, table: string): Promise<Row[]> =>
    database.em.getConnection().execute<Row[]>(`select ${columns} from ${table} order by id`);
  const users = await rows<{ id: number; name: string; email: string; role: Role }>(
    'id, name, email, role',
    'core_user',
  );
  const courses = await rows<CourseRow>(
    'id, title, description, status, is_published, capacity, instructor_id, total_enrollments, active_enrollments',
    'core_course',
  );
  const enrollments = await rows<{ id: number; course_id: number; student_id: number; status: EnrollmentStatus }>(
    'id, course_id, student_id, status',
    'core_enrollments',
  );
  return {
    school: {
      users: new Map(users.map(({ id, name, email, role }) => [id, { name, email, role }])),
      courses: new Map(
        courses.map(({ id, title, description, status, is_published, capacity, instructor_id }) => [
          id,
          { title, description, status, isPublished: Boolean(is_published), capacity, instructorId: instructor_id },
        ]),
      ),
      enrollments: new Map(
        enrollments.map(({ id, course_id, student_id, status }) => [
          id,
          { courseId: course_id, studentId: student_id, status },
        ]),
      ),
    },
    stored: new Map(
      courses.map(({ id, total_enrollments, active_enrollments }) => [id, [total_enrollments, active_enrollments]]),
    ),
  };
}

/**
 * Returns the courses whose stored and actual counts differ, or that have more ACTIVE enrollments than seats, as texts.
 */
export function faultsIn({ school, stored }: Tables): string[] {
  return [...stored].flatMap(([id, counts]) => {
    const [actual, capacity] = [countsIn(school, id), school.courses.get(id)?.capacity ?? null];
    return [
      ...(String(counts) === String(actual)
        ? []
        : [`course ${id} stores ${String(counts)}, but has ${String(actual)}`]),
      ...(capacity === null || actual[1] <= capacity
        ? []
        : [`course ${id} has ${actual[1]} active enrollments and ${capacity} seats`]),
    ];
  });
}

/** Returns the differences between the tables and the model. */
export function differences(found: School, model: School): string[] {
  return (['users', 'courses', 'enrollments'] as const).flatMap(kind => {
    const [there, wanted]: ReadonlyMap<number, object>[] = [found[kind], model[kind]];
    const text = (row: object | undefined): string => (row ? JSON.stringify(row) : 'nothing');
    return [...new Set([...there!.keys(), ...wanted!.keys()])].flatMap(id => {
      const [has, should] = [text(sorted(there!.get(id))), text(sorted(wanted!.get(id)))];
      return has === should ? [] : [`as ${kind.replace(/s$/, '')} ${id} the table has ${has}, not ${should}`];
    });
  });
}

interface CourseRow {
  readonly id: number;
  readonly title: string;
  readonly description: string | null;
  readonly status: CourseStatus;
  readonly is_published: number;
  readonly capacity: number | null;
  readonly instructor_id: number | null;
  readonly total_enrollments: number;
  readonly active_enrollments: number;
}

function sorted(row: object | undefined): object | undefined {
  return row && Object.fromEntries(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
