import fc from 'fast-check';
import { EnrollmentStatus } from '../../../src/entities/index.js';
import {
  expectedEnrollMany,
  expectedEnroll,
  expectedSetStatus,
  expectedTransfer,
  expectedUnenroll,
} from './enrollment-rules.js';
import { anyRow, idOf, type MakeMutation } from './mutation.js';

const anyStatus = fc.constantFrom(...Object.values(EnrollmentStatus));

/** Enrolls a student, or the caller. */
export const enroll: fc.Arbitrary<MakeMutation> = fc
  .record({ course: anyRow, student: fc.option(anyRow, { freq: 2 }) })
  .map(({ course, student }) => run => {
    const input = { courseId: idOf(run, 'course', course), studentId: student && idOf(run, 'user', student) };
    const who = input.studentId === null ? '' : ` for ${run.name('user', input.studentId)}`;
    return {
      name: 'enroll',
      text: `enroll in ${run.name('course', input.courseId)}${who}`,
      input,
      expected: (school, viewer) => expectedEnroll(school, viewer, input),
    };
  });

/** Enrolls several students, perhaps some of them twice. */
export const enrollMany: fc.Arbitrary<MakeMutation> = fc
  .record({ course: anyRow, students: fc.array(anyRow, { maxLength: 5, size: 'max' }) })
  .map(({ course, students }) => run => {
    const input = {
      courseId: idOf(run, 'course', course),
      studentIds: students.map(student => idOf(run, 'user', student)),
    };
    const names = input.studentIds.map(id => run.name('user', id)).join(', ') || 'nobody';
    const text = `enroll many in ${run.name('course', input.courseId)}: ${names}`;
    return { name: 'enrollMany', text, input, expected: (school, viewer) => expectedEnrollMany(school, viewer, input) };
  });

/** Sets the status of an enrollment. */
export const setStatus: fc.Arbitrary<MakeMutation> = fc
  .record({ enrollment: anyRow, status: anyStatus })
  .map(({ enrollment, status }) => run => {
    const enrollmentId = idOf(run, 'enrollment', enrollment);
    return {
      name: 'setEnrollmentStatus',
      text: `set ${run.name('enrollment', enrollmentId)} ${status}`,
      input: { enrollmentId, status: status.toUpperCase() },
      expected: (school, viewer) => expectedSetStatus(school, viewer, { enrollmentId, status }),
    };
  });

/** Moves an enrollment to another course. */
export const transfer: fc.Arbitrary<MakeMutation> = fc
  .record({ enrollment: anyRow, course: anyRow })
  .map(({ enrollment, course }) => run => {
    const input = { enrollmentId: idOf(run, 'enrollment', enrollment), courseId: idOf(run, 'course', course) };
    const text = `move ${run.name('enrollment', input.enrollmentId)} to ${run.name('course', input.courseId)}`;
    return {
      name: 'transferEnrollment',
      text,
      input,
      expected: (school, viewer) => expectedTransfer(school, viewer, input),
    };
  });

/** Deletes an enrollment. */
export const unenroll: fc.Arbitrary<MakeMutation> = anyRow.map(enrollment => run => {
  const input = { enrollmentId: idOf(run, 'enrollment', enrollment) };
  return {
    name: 'unenroll',
    text: `unenroll ${run.name('enrollment', input.enrollmentId)}`,
    input,
    expected: (school, viewer) => expectedUnenroll(school, viewer, input),
  };
});
