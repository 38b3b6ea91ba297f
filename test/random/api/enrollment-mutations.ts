import fc from 'fast-check';
import { EnrollmentStatus } from '../../../src/entities/index.js';
import {
  enrollManyVerdict,
  enrollVerdict,
  setStatusVerdict,
  transferVerdict,
  unenrollVerdict,
} from './enrollment-rules.js';
import { anyRow, idOf, type MakeMutation } from './mutation.js';

const anyStatus = fc.constantFrom(...Object.values(EnrollmentStatus));

/** Enrolls a student, or the caller. */
export const enroll: fc.Arbitrary<MakeMutation> = fc
  .record({ course: anyRow, student: fc.option(anyRow, { freq: 2 }) })
  .map(({ course, student }) => room => {
    const input = { courseId: idOf(room, 'course', course), studentId: student && idOf(room, 'user', student) };
    const whom = input.studentId === null ? '' : ` for ${room.name('user', input.studentId)}`;
    return {
      name: 'enroll',
      told: `enroll in ${room.name('course', input.courseId)}${whom}`,
      input,
      verdict: (school, viewer) => enrollVerdict(school, viewer, input),
    };
  });

/** Enrolls many, some perhaps twice. */
export const enrollMany: fc.Arbitrary<MakeMutation> = fc
  .record({ course: anyRow, students: fc.array(anyRow, { maxLength: 5, size: 'max' }) })
  .map(({ course, students }) => room => {
    const input = {
      courseId: idOf(room, 'course', course),
      studentIds: students.map(student => idOf(room, 'user', student)),
    };
    const whom = input.studentIds.map(id => room.name('user', id)).join(', ') || 'nobody';
    const told = `enroll many in ${room.name('course', input.courseId)}: ${whom}`;
    return { name: 'enrollMany', told, input, verdict: (school, viewer) => enrollManyVerdict(school, viewer, input) };
  });

/** Sets the status of an enrollment. */
export const setStatus: fc.Arbitrary<MakeMutation> = fc
  .record({ enrollment: anyRow, status: anyStatus })
  .map(({ enrollment, status }) => room => {
    const enrollmentId = idOf(room, 'enrollment', enrollment);
    return {
      name: 'setEnrollmentStatus',
      told: `set ${room.name('enrollment', enrollmentId)} ${status}`,
      input: { enrollmentId, status: status.toUpperCase() },
      verdict: (school, viewer) => setStatusVerdict(school, viewer, { enrollmentId, status }),
    };
  });

/** Moves an enrollment to another course. */
export const transfer: fc.Arbitrary<MakeMutation> = fc
  .record({ enrollment: anyRow, course: anyRow })
  .map(({ enrollment, course }) => room => {
    const input = { enrollmentId: idOf(room, 'enrollment', enrollment), courseId: idOf(room, 'course', course) };
    const told = `move ${room.name('enrollment', input.enrollmentId)} to ${room.name('course', input.courseId)}`;
    return {
      name: 'transferEnrollment',
      told,
      input,
      verdict: (school, viewer) => transferVerdict(school, viewer, input),
    };
  });

/** Deletes an enrollment. */
export const unenroll: fc.Arbitrary<MakeMutation> = anyRow.map(enrollment => room => {
  const input = { enrollmentId: idOf(room, 'enrollment', enrollment) };
  return {
    name: 'unenroll',
    told: `unenroll ${room.name('enrollment', input.enrollmentId)}`,
    input,
    verdict: (school, viewer) => unenrollVerdict(school, viewer, input),
  };
});
