import { CourseStatus, EnrollmentStatus, Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';
import { numberKey } from '../../support/keys.js';

/** A user in the model. */
export interface UserModel {
  readonly name: string;
  readonly email: string;
  readonly role: Role;
}

/** A course in the model. */
export interface CourseModel {
  title: string;
  description: string | null;
  status: CourseStatus;
  isPublished: boolean;
  capacity: number | null;
  instructorId: number | null;
}

/** An enrollment in the model. */
export interface EnrollmentModel {
  courseId: number;
  readonly studentId: number;
  status: EnrollmentStatus;
}

/** The model: the users, courses and enrollments that the server must have, by id. */
export interface School {
  readonly users: Map<number, UserModel>;
  readonly courses: Map<number, CourseModel>;
  readonly enrollments: Map<number, EnrollmentModel>;
}

/** Returns the enrollments of a course. */
export function enrollmentsIn({ enrollments }: School, courseId: number): EnrollmentModel[] {
  return [...enrollments.values()].filter(one => one.courseId === courseId);
}

/** Returns the expected stored counts of a course: all and ACTIVE. */
export function countsIn(school: School, courseId: number): [number, number] {
  const mine = enrollmentsIn(school, courseId);
  return [mine.length, mine.filter(({ status }) => status === EnrollmentStatus.ACTIVE).length];
}

/** Returns whether a student is in a course. */
export function isEnrolled(school: School, courseId: number, studentId: number | null): boolean {
  return enrollmentsIn(school, courseId).some(one => one.studentId === studentId);
}

/** Returns the number of free seats of a course. */
export function seatsIn(school: School, courseId: number): number {
  const capacity = school.courses.get(courseId)?.capacity ?? null;
  return capacity === null ? Number.POSITIVE_INFINITY : Math.max(0, capacity - countsIn(school, courseId)[1]);
}

/** Returns whether students can enroll themselves. */
export function isOpen({ status, isPublished }: CourseModel): boolean {
  return status === CourseStatus.ACTIVE && isPublished;
}

/** Returns whether a viewer may manage a course. */
export function manages(viewer: Viewer, { instructorId }: CourseModel): boolean {
  return (
    viewer.role === Role.ADMIN ||
    (viewer.role === Role.TEACHER && viewer.userId !== null && viewer.userId === instructorId)
  );
}

/** Returns whether a viewer sees an enrollment: their own, those of courses that they teach, and admins any. */
export function seesEnrollment({ courses }: School, viewer: Viewer, { courseId, studentId }: EnrollmentModel): boolean {
  return studentId === viewer.userId || manages(viewer, courses.get(courseId)!);
}

/** Returns whether a viewer sees a course: a published one, their own as teacher or student, and admins any. */
export function sees(school: School, viewer: Viewer | null, courseId: number): boolean {
  const course = school.courses.get(courseId);
  if (!course) return false;
  return (
    course.isPublished ||
    (viewer !== null && (manages(viewer, course) || isEnrolled(school, courseId, numberKey(viewer.userId))))
  );
}

/** Removes the enrollments that meet a condition from the model. */
export function removeEnrollments(
  { enrollments }: School,
  meets: (enrollment: EnrollmentModel, id: number) => boolean,
): void {
  for (const [id, enrollment] of enrollments) if (meets(enrollment, id)) enrollments.delete(id);
}
