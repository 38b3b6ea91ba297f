import { EnrollmentStatus, type Key } from '../../../src/entities/index.js';
import { numberKey } from '../../support/keys.js';

/** A course in the model: its id, or, until the flush that inserts it, the new entity itself. */
export type CoursePointer = number | { readonly id?: Key };

/** The course of an enrollment from which MikroORM has taken it, after another entity manager removed the enrollment. */
export const NO_COURSE: CoursePointer = {};

/** One enrollment in the model; its id is null until its entity has it or it has been read back from the database. */
export interface Row {
  readonly id: number | null;
  readonly entity?: { readonly id?: Key };
  readonly course: CoursePointer;
  readonly student: number;
  readonly status: EnrollmentStatus;
}

/** The model: what the tables must hold. It is never changed in place, so a savepoint of it is the value itself. */
export interface Rows {
  readonly courses: ReadonlySet<CoursePointer>;
  readonly students: ReadonlySet<number>;
  readonly enrollments: readonly Row[];
}

/** Returns the id of a course; undefined: the course is not inserted yet. */
export function courseId(course: CoursePointer): number | undefined {
  return typeof course === 'number' ? course : numberKey(course.id);
}

/** Returns the ids of the existing courses. */
export function courseIds({ courses }: Rows): number[] {
  return [...courses].flatMap(course => courseId(course) ?? []);
}

/** Returns the model with ids in place of the entities that have been inserted since. */
export function withIds(rows: Rows): Rows {
  const settled = (course: CoursePointer): CoursePointer => courseId(course) ?? course;
  return {
    ...rows,
    courses: new Set([...rows.courses].map(settled)),
    enrollments: rows.enrollments.map(({ entity, ...row }) => ({
      ...row,
      id: row.id ?? numberKey(entity?.id) ?? null,
      course: settled(row.course),
    })),
  };
}

/** Returns the enrollment with an id. */
export function rowWith(rows: Rows, id: number): Row | undefined {
  return rows.enrollments.find(row => row.id === id);
}

/** Returns the enrollment of a student in a course. */
export function rowOf(rows: Rows, course: CoursePointer, student: number): Row | undefined {
  return rows.enrollments.find(row => row.student === student && sameCourse(row.course, course));
}

/** Returns whether a course exists. */
export function hasCourse({ courses }: Rows, course: CoursePointer): boolean {
  return [...courses].some(one => sameCourse(one, course));
}

/** Returns whether two pointers mean the same course. */
export function sameCourse(a: CoursePointer, b: CoursePointer): boolean {
  return a === b || (courseId(a) !== undefined && courseId(a) === courseId(b));
}

/** Returns the expected stored counts of a course: all and ACTIVE. */
export function countsOf({ enrollments }: Pick<Rows, 'enrollments'>, course: number): [number, number] {
  const mine = enrollments.filter(row => row.course === course);
  return [mine.length, mine.filter(({ status }) => status === EnrollmentStatus.ACTIVE).length];
}

/** Returns the model without a course and its enrollments. */
export function withoutCourse(rows: Rows, course: number): Rows {
  const courses = new Set([...rows.courses].filter(one => one !== course));
  return { ...rows, courses, enrollments: rows.enrollments.filter(row => row.course !== course) };
}

/** Returns the model without a student and all enrollments of that student. */
export function withoutStudent(rows: Rows, student: number): Rows {
  const students = new Set([...rows.students].filter(one => one !== student));
  return { ...rows, students, enrollments: rows.enrollments.filter(row => row.student !== student) };
}
