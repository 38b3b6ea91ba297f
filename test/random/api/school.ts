import { CourseStatus, EnrollmentStatus, Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';

/** Is a user in the model. */
export interface UserModel {
  readonly name: string;
  readonly email: string;
  readonly role: Role;
}

/** Is a course in the model. */
export interface CourseModel {
  title: string;
  description: string | null;
  status: CourseStatus;
  isPublished: boolean;
  capacity: number | null;
  instructorId: number | null;
}

/** Is an enrollment in the model. */
export interface EnrollmentModel {
  courseId: number;
  readonly studentId: number;
  status: EnrollmentStatus;
}

/** Is the model: what the server must know of users, courses and enrollments, by id. */
export interface School {
  readonly users: Map<number, UserModel>;
  readonly courses: Map<number, CourseModel>;
  readonly enrollments: Map<number, EnrollmentModel>;
}

/** Gives the enrollments of a course. */
export function enrollmentsIn({ enrollments }: School, courseId: number): EnrollmentModel[] {
  return [...enrollments.values()].filter(one => one.courseId === courseId);
}

/** Gives what the stored counts of a course must be: all and ACTIVE. */
export function countsIn(school: School, courseId: number): [number, number] {
  const mine = enrollmentsIn(school, courseId);
  return [mine.length, mine.filter(({ status }) => status === EnrollmentStatus.ACTIVE).length];
}

/** Tells whether a student is in a course. */
export function isEnrolled(school: School, courseId: number, studentId: number | null): boolean {
  return enrollmentsIn(school, courseId).some(one => one.studentId === studentId);
}

/** Gives how many ACTIVE enrollments a course can still take. */
export function seatsIn(school: School, courseId: number): number {
  const capacity = school.courses.get(courseId)?.capacity ?? null;
  return capacity === null ? Number.POSITIVE_INFINITY : Math.max(0, capacity - countsIn(school, courseId)[1]);
}

/** Tells whether students can enroll by themselves. */
export function isOpen({ status, isPublished }: CourseModel): boolean {
  return status === CourseStatus.ACTIVE && isPublished;
}

/** Tells whether a viewer may manage a course. */
export function manages(viewer: Viewer, { instructorId }: CourseModel): boolean {
  return (
    viewer.role === Role.ADMIN ||
    (viewer.role === Role.TEACHER && viewer.userId !== null && viewer.userId === instructorId)
  );
}

/** Tells whether a viewer sees an enrollment: their own, those of courses that they teach, and admins any. */
export function seesEnrollment({ courses }: School, viewer: Viewer, { courseId, studentId }: EnrollmentModel): boolean {
  return studentId === viewer.userId || manages(viewer, courses.get(courseId)!);
}

/** Tells whether a viewer sees a course: a published one, their own as teacher or student, and admins any. */
export function sees(school: School, viewer: Viewer | null, courseId: number): boolean {
  const course = school.courses.get(courseId);
  if (!course) return false;
  return (
    course.isPublished || (viewer !== null && (manages(viewer, course) || isEnrolled(school, courseId, viewer.userId)))
  );
}

/** Takes an enrollment, or all that meet a condition, out of the model. */
export function removeEnrollments(
  { enrollments }: School,
  meets: (enrollment: EnrollmentModel, id: number) => boolean,
): void {
  for (const [id, enrollment] of [...enrollments]) if (meets(enrollment, id)) enrollments.delete(id);
}
