import { EnrollmentStatus } from '../../../src/entities/index.js';

/** Is a course in the model: its id, or, until the flush that inserts it, the new entity itself. */
export type CoursePointer = number | { readonly id?: number };

/**
 * Is one enrollment in the model; its id is null until its entity has it or it has been read back from the database.
 */
export interface Row {
  readonly id: number | null;
  readonly entity?: { readonly id?: number };
  readonly course: CoursePointer;
  readonly student: number;
  readonly status: EnrollmentStatus;
}

/** Is the model: what the tables must hold. It is never changed in place, so a savepoint of it is the value itself. */
export interface Rows {
  readonly courses: ReadonlySet<CoursePointer>;
  readonly students: ReadonlySet<number>;
  readonly enrollments: readonly Row[];
}

/** Gives the id behind a pointer at a course; undefined: it has not been inserted yet. */
export function courseId(course: CoursePointer): number | undefined {
  return typeof course === 'number' ? course : course.id;
}

/** Gives the ids of the courses that are there. */
export function courseIds({ courses }: Rows): number[] {
  return [...courses].flatMap(course => courseId(course) ?? []);
}

/** Gives the model with ids in place of the entities that have been inserted since. */
export function withIds(rows: Rows): Rows {
  const settled = (course: CoursePointer): CoursePointer => courseId(course) ?? course;
  return {
    ...rows,
    courses: new Set([...rows.courses].map(settled)),
    enrollments: rows.enrollments.map(({ entity, ...row }) => ({
      ...row,
      id: row.id ?? entity?.id ?? null,
      course: settled(row.course),
    })),
  };
}

/** Gives the enrollment with an id. */
export function rowWith(rows: Rows, id: number): Row | undefined {
  return rows.enrollments.find(row => row.id === id);
}

/** Gives the enrollment of a student in a course. */
export function rowOf(rows: Rows, course: CoursePointer, student: number): Row | undefined {
  return rows.enrollments.find(row => row.student === student && sameCourse(row.course, course));
}

/** Tells whether a course is there. */
export function hasCourse({ courses }: Rows, course: CoursePointer): boolean {
  return [...courses].some(one => sameCourse(one, course));
}

/** Tells whether two pointers mean the same course. */
export function sameCourse(a: CoursePointer, b: CoursePointer): boolean {
  return a === b || (courseId(a) !== undefined && courseId(a) === courseId(b));
}

/** Gives what the stored counts of a course must be: all and ACTIVE. */
export function countsOf({ enrollments }: Pick<Rows, 'enrollments'>, course: number): [number, number] {
  const mine = enrollments.filter(row => row.course === course);
  return [mine.length, mine.filter(({ status }) => status === EnrollmentStatus.ACTIVE).length];
}

/** Gives the model without a course and all that is in it. */
export function withoutCourse(rows: Rows, course: number): Rows {
  const courses = new Set([...rows.courses].filter(one => one !== course));
  return { ...rows, courses, enrollments: rows.enrollments.filter(row => row.course !== course) };
}

/** Gives the model without a student and all enrollments of that student. */
export function withoutStudent(rows: Rows, student: number): Rows {
  const students = new Set([...rows.students].filter(one => one !== student));
  return { ...rows, students, enrollments: rows.enrollments.filter(row => row.student !== student) };
}
