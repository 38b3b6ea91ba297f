import { EnrollmentStatus, Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';
import { isEnrolled, isOpen, manages, seatsIn, sees, seesEnrollment, type School } from './school.js';
import { denied, done, refused, staffOnly, type Verdict } from './verdict.js';

/** Says what must come of enrolling one student. */
export function enrollVerdict(
  school: School,
  viewer: Viewer | null,
  { courseId, studentId }: { courseId: number; studentId: number | null },
): Verdict {
  if (!viewer) return denied('UNAUTHENTICATED');
  const student = studentId ?? viewer.userId;
  if (viewer.role === Role.STUDENT && student !== viewer.userId) return denied('FORBIDDEN');
  if (student === null) return refused('INVALID');
  const course = school.courses.get(courseId);
  if (!course || !sees(school, viewer, courseId)) return refused('NOT_FOUND');
  if (viewer.role === Role.TEACHER && !manages(viewer, course)) return denied('FORBIDDEN');
  if (!school.users.has(student)) return refused('NOT_FOUND');
  if (isEnrolled(school, courseId, student)) return refused('ALREADY_ENROLLED');
  if (!manages(viewer, course) && !isOpen(course)) return refused('COURSE_CLOSED');
  if (seatsIn(school, courseId) < 1) return refused('COURSE_FULL');
  return done(([id]) => {
    add(school, id!, courseId, student);
    return { enrollment: id!, course: courseId };
  }, 1);
}

/** Says what must come of enrolling many: all that can be, and a code for each other, in the order of the input. */
export function enrollManyVerdict(
  school: School,
  viewer: Viewer | null,
  { courseId, studentIds }: { courseId: number; studentIds: readonly number[] },
): Verdict {
  const denial = staffOnly(viewer);
  if (denial) return denial;
  const course = school.courses.get(courseId);
  if (!course || !sees(school, viewer, courseId)) return refused('NOT_FOUND');
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

/** Says what must come of setting a status. */
export function setStatusVerdict(
  school: School,
  viewer: Viewer | null,
  { enrollmentId, status }: { enrollmentId: number; status: EnrollmentStatus },
): Verdict {
  const denial = staffOnly(viewer);
  if (denial) return denial;
  const enrollment = school.enrollments.get(enrollmentId);
  if (!enrollment || !seesEnrollment(school, viewer!, enrollment)) return refused('NOT_FOUND');
  if (!manages(viewer!, school.courses.get(enrollment.courseId)!)) return denied('FORBIDDEN');
  const takesSeat = status === EnrollmentStatus.ACTIVE && enrollment.status !== EnrollmentStatus.ACTIVE;
  if (takesSeat && seatsIn(school, enrollment.courseId) < 1) return refused('COURSE_FULL');
  return done(() => {
    enrollment.status = status;
    return { enrollment: enrollmentId, course: enrollment.courseId };
  });
}

/** Says what must come of moving an enrollment. */
export function transferVerdict(
  school: School,
  viewer: Viewer | null,
  { enrollmentId, courseId }: { enrollmentId: number; courseId: number },
): Verdict {
  const denial = staffOnly(viewer);
  if (denial) return denial;
  const [enrollment, to] = [school.enrollments.get(enrollmentId), school.courses.get(courseId)];
  if (!enrollment || !seesEnrollment(school, viewer!, enrollment)) return refused('NOT_FOUND');
  const from = enrollment.courseId;
  if (!manages(viewer!, school.courses.get(from)!)) return denied('FORBIDDEN');
  if (!to || !sees(school, viewer, courseId)) return refused('NOT_FOUND');
  if (!manages(viewer!, to)) return denied('FORBIDDEN');
  if (from === courseId) return refused('INVALID');
  if (isEnrolled(school, courseId, enrollment.studentId)) return refused('ALREADY_ENROLLED');
  if (enrollment.status === EnrollmentStatus.ACTIVE && seatsIn(school, courseId) < 1) return refused('COURSE_FULL');
  return done(() => {
    enrollment.courseId = courseId;
    return { enrollment: enrollmentId, from, to: courseId };
  });
}

/** Says what must come of deleting an enrollment. */
export function unenrollVerdict(
  school: School,
  viewer: Viewer | null,
  { enrollmentId }: { enrollmentId: number },
): Verdict {
  if (!viewer) return denied('UNAUTHENTICATED');
  const enrollment = school.enrollments.get(enrollmentId);
  if (!enrollment || !seesEnrollment(school, viewer, enrollment)) return refused('NOT_FOUND');
  if (enrollment.studentId !== viewer.userId && !manages(viewer, school.courses.get(enrollment.courseId)!))
    return denied('FORBIDDEN');
  return done(() => {
    school.enrollments.delete(enrollmentId);
    // A course that only the enrollment let its student see is not shown any more.
    return {
      deletedId: enrollmentId,
      ...(sees(school, viewer, enrollment.courseId) && { course: enrollment.courseId }),
    };
  });
}

function add({ enrollments }: School, id: number, courseId: number, studentId: number): void {
  enrollments.set(id, { courseId, studentId, status: EnrollmentStatus.ACTIVE });
}
