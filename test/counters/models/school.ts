import { counters, Course, Enrollment, EnrollmentStatus, User } from '../../../src/entities/index.js';
import type { StoredCount } from '../../support/exact-counts.js';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';
import { numberKey } from '../../support/keys.js';

/** Rollcall's own entities with its two counters. */
export const school: SchemaOptions = { entities: [User, Course, Enrollment], counters };

const stored: StoredCount[] = [
  { target: 'core_course', column: 'total_enrollments', counted: 'core_enrollments', by: { id: 'course_id' } },
  {
    target: 'core_course',
    column: 'active_enrollments',
    counted: 'core_enrollments',
    by: { id: 'course_id' },
    where: "c.status = 'active'",
  },
];

/** Asserts that every course's two counts are exact. */
export function expectExactSchool(schema: Schema): Promise<void> {
  return expectExact(schema, ...stored);
}

/** Adds courses without enrollments and returns their ids, ascending. */
export async function addCourses(schema: Schema, amount: number): Promise<number[]> {
  const em = schema.em();
  const courses = Array.from({ length: amount }, (_, index) => em.create(Course, { title: `Course ${index}` }));
  await em.flush();
  return courses.map(({ id }) => numberKey(id));
}

/** Adds students and returns their ids, ascending. */
export async function addStudents(schema: Schema, amount: number): Promise<number[]> {
  const em = schema.em();
  const students = Array.from({ length: amount }, (_, index) =>
    em.create(User, { name: `Student ${index}`, email: `s${index}@example.org` }),
  );
  await em.flush();
  return students.map(({ id }) => numberKey(id));
}

/** Enrolls a student through an entity manager of its own and returns the enrollment's id. */
export async function enroll(
  schema: Schema,
  course: number,
  student: number,
  status = EnrollmentStatus.ACTIVE,
): Promise<number> {
  const em = schema.em();
  const enrollment = em.create(Enrollment, { course, student, status });
  await em.flush();
  return numberKey(enrollment.id);
}

/** Returns the stored counts of a course, total and active, by raw SQL. */
export async function countsOf(schema: Schema, course: number): Promise<[number, number]> {
  const [row] = await schema.rows<{ total: number; active: number }>(
    'select total_enrollments as total, active_enrollments as active from core_course where id = ?',
    [course],
  );
  return [Number(row!.total), Number(row!.active)];
}
