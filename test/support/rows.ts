import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Database } from '../../src/database/database.js';
import {
  Course,
  Enrollment,
  User,
  type CourseStatus,
  type EnrollmentStatus,
  type Role,
} from '../../src/entities/index.js';
import { storedAndActual } from './api.js';
import { numberKey } from './keys.js';

/** A course to add; by default published and ACTIVE. */
export interface NewCourse {
  readonly title?: string;
  readonly instructor?: number;
  readonly status?: CourseStatus;
  readonly isPublished?: boolean;
  readonly capacity?: number | null;
  readonly createdAt?: Date;
}

/** An enrollment to add; by default ACTIVE. */
export interface NewEnrollment {
  readonly course: number;
  readonly student: number;
  readonly status?: EnrollmentStatus;
  readonly enrolledAt?: Date;
}

/**
 * Adds this many users and returns their ids in ascending order. Nothing counts users and courses, so they need no flush,
 * which takes twice as much of the processor.
 */
export async function addUsers(database: Database, role: Role, count: number): Promise<number[]> {
  const em = database.em.fork();
  const users = Array.from({ length: count }, (_, index) =>
    em.create(User, { name: `User ${index}`, email: `${randomUUID()}@example.org`, role }),
  );
  return (await em.insertMany(User, users)).map(numberKey);
}

/** Adds courses and returns their ids in ascending order. */
export async function addCourses(database: Database, courses: readonly NewCourse[]): Promise<number[]> {
  const em = database.em.fork();
  const rows = courses.map(({ instructor, ...course }, index) =>
    em.create(Course, {
      title: `Course ${index}`,
      status: 'active' as CourseStatus,
      isPublished: true,
      ...course,
      ...(instructor !== undefined && { instructor: em.getReference(User, instructor, { wrapped: true }) }),
    }),
  );
  return (await em.insertMany(Course, rows)).map(numberKey);
}

/** Adds enrollments in one transaction and returns their ids in ascending order. */
export async function addEnrollments(database: Database, enrollments: readonly NewEnrollment[]): Promise<number[]> {
  const em = database.em.fork();
  const rows = enrollments.map(({ course, student, ...enrollment }) =>
    em.create(Enrollment, {
      course: em.getReference(Course, course, { wrapped: true }),
      student: em.getReference(User, student, { wrapped: true }),
      ...enrollment,
    }),
  );
  await em.flush();
  return rows.map(({ id }) => numberKey(id));
}

/** Returns every row of the three tables, to be compared before and after. */
export async function allRows(database: Database): Promise<unknown[]> {
  const tables = ['core_user', 'core_course', 'core_enrollments'];
  return Promise.all(tables.map(table => database.em.getConnection().execute(`select * from ${table} order by id`)));
}

/** Asserts that every course stores exactly the counts of COUNT(*). */
export async function expectExactCounts(database: Database): Promise<void> {
  const courses = await storedAndActual(database);
  expect(courses.map(({ id, stored }) => ({ id, counts: stored }))).toEqual(
    courses.map(({ id, actual }) => ({ id, counts: actual })),
  );
}
