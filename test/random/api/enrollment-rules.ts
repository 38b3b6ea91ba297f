import { EnrollmentStatus, Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';
import { isEnrolled, isOpen, manages, seatsIn, sees, seesEnrollment, type School } from './school.js';
import { denied, done, rejected, staffOnly, type Expected } from './expected.js';
import { numberKey } from '../../support/keys.js';

/** Returns the expected outcome of enrolling one student. */
export function expectedEnroll(
  school: School,
  viewer: Viewer | null,
  { courseId, studentId }: { courseId: number; studentId: number | null },
): Expected {
  if (!viewer) return denied('UNAUTHENTICATED');
  const student = studentId ?? numberKey(viewer.userId);
  if (viewer.role === Role.STUDENT && student !== viewer.userId) return denied('FORBIDDEN');
  if (student === null) return rejected('INVALID');
  const course = school.courses.get(courseId);
  if (!course || !sees(school, viewer, courseId)) return rejected('NOT_FOUND');
  if (viewer.role === Role.TEACHER && !manages(viewer, course)) return denied('FORBIDDEN');
  if (!school.users.has(student)) return rejected('NOT_FOUND');
  if (isEnrolled(school, courseId, student)) return rejected('ALREADY_ENROLLED');
  if (!manages(viewer, course) && !isOpen(course)) return rejected('COURSE_CLOSED');
  if (seatsIn(school, courseId) < 1) return rejected('COURSE_FULL');
  return done(([id]) => {
    add(school, id!, courseId, student);
    return { enrollment: id!, course: courseId };
  }, 1);
}

/**
 * Returns the expected outcome of enrolling many: all that can be, and a code for each other, in the order of the
 * input.
 */
export function expectedEnrollMany(
  school: School,
  viewer: Viewer | null,
  { courseId, studentIds }: { courseId: number; studentIds: readonly number[] },
): Expected {
  const denial = staffOnly(viewer);
  if (denial) return denial;
  const course = school.courses.get(courseId);
  if (!course || !sees(school, viewer, courseId)) return rejected('NOT_FOUND');
  if (!manages(viewer!, course)) return denied('FORBIDDEN');
  const added: number[] = [];
  const codes = studentIds.flatMap(student => {
    if (!school.users.has(student)) return ['NOT_FOUND'];
    if (isEnrolled(school, courseId, student) || added.includes(student)) return ['ALREADY_ENROLLED'];
    if (added.length >= seatsIn(school, courseId)) return ['COURSE_FULL'];
    added.push(student);
    return [];
  });
  return done(
    ids => {
      added.forEach((student, index) => add(school, ids[index]!, courseId, student));
      return { enrollments: ids, course: courseId };
    },
    added.length,
    codes,
  );
}

/** Returns the expected outcome of setting a status. */
export function expectedSetStatus(
  school: School,
  viewer: Viewer | null,
  { enrollmentId, status }: { enrollmentId: number; status: EnrollmentStatus },
): Expected {
  const denial = staffOnly(viewer);
  if (denial) return denial;
  const enrollment = school.enrollments.get(enrollmentId);
  if (!enrollment || !seesEnrollment(school, viewer!, enrollment)) return rejected('NOT_FOUND');
  if (!manages(viewer!, school.courses.get(enrollment.courseId)!)) return denied('FORBIDDEN');
  const takesSeat = status === EnrollmentStatus.ACTIVE && enrollment.status !== EnrollmentStatus.ACTIVE;
  if (takesSeat && seatsIn(school, enrollment.courseId) < 1) return rejected('COURSE_FULL');
  return done(() => {
    enrollment.status = status;
    return { enrollment: enrollmentId, course: enrollment.courseId };
  });
}

/** Returns the expected outcome of moving an enrollment. */
export function expectedTransfer(
  school: School,
  viewer: Viewer | null,
  { enrollmentId, courseId }: { enrollmentId: number; courseId: number },
): Expected {
  const denial = staffOnly(viewer);
  if (denial) return denial;
  const [enrollment, to] = [school.enrollments.get(enrollmentId), school.courses.get(courseId)];
  if (!enrollment || !seesEnrollment(school, viewer!, enrollment)) return rejected('NOT_FOUND');
  const from = enrollment.courseId;
  if (!manages(viewer!, school.courses.get(from)!)) return denied('FORBIDDEN');
  if (!to || !sees(school, viewer, courseId)) return rejected('NOT_FOUND');
  if (!manages(viewer!, to)) return denied('FORBIDDEN');
  if (from === courseId) return rejected('INVALID');
  if (isEnrolled(school, courseId, enrollment.studentId)) return rejected('ALREADY_ENROLLED');
  if (enrollment.status === EnrollmentStatus.ACTIVE && seatsIn(school, courseId) < 1) return rejected('COURSE_FULL');
  return done(() => {
    enrollment.courseId = courseId;
    return { enrollment: enrollmentId, from, to: courseId };
  });
}

/** Returns the expected outcome of deleting an enrollment. */
export function expectedUnenroll(
  school: School,
  viewer: Viewer | null,
  { enrollmentId }: { enrollmentId: number },
): Expected {
  if (!viewer) return denied('UNAUTHENTICATED');
  const enrollment = school.enrollments.get(enrollmentId);
  if (!enrollment || !seesEnrollment(school, viewer, enrollment)) return rejected('NOT_FOUND');
  if (enrollment.studentId !== viewer.userId && !manages(viewer, school.courses.get(enrollment.courseId)!))
    return denied('FORBIDDEN');
  return done(() => {
    school.enrollments.delete(enrollmentId);
    // A course that the student saw only because of the enrollment is no longer shown.
    return {
      deletedId: enrollmentId,
      ...(sees(school, viewer, enrollment.courseId) && { course: enrollment.courseId }),
    };
  });
}

function add({ enrollments }: School, id: number, courseId: number, studentId: number): void {
  enrollments.set(id, { courseId, studentId, status: EnrollmentStatus.ACTIVE });
}
