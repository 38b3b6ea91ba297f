import type { SqlEntityManager } from '@mikro-orm/sql';
import { Course, Enrollment, EnrollmentStatus, Role, User, type Key, shownKey } from '../entities/index.js';
import type { Database } from '../database/database.js';
import { forbidden, inputOf, manageOnly, mayManage, signedIn, staffOnly, type Asked } from '../access/access.js';
import { unlessInUse } from './in-use.js';
import { committedIfExists, committedIfGone } from './lost-commit.js';
import { changeEnrollment, type KnownStudents } from './enrollment-changes.js';
import { enrolledAmong, lockUsers, withLockedCourses, type LockedCourse } from './locked-rows.js';
import { pairOf } from './pair.js';
import { done, problem, rejected, UserErrorCode, type Outcome, type Problem } from './outcome.js';
import { courseClosed, courseFull, freeSeats, notFound } from './seats.js';
import type { EnrollmentRow } from '../reading/index.js';
import type { Viewer } from '../access/viewer.js';

const COURSE_ID = ['input', 'courseId'];
const STUDENT_ID = ['input', 'studentId'];
const ENROLLMENT_ID = ['input', 'enrollmentId'];

/** The most students that one request enrolls: it holds the course's lock all the time. */
const MAX_STUDENTS_OF_REQUEST = 1000;

/** An enrollment as a change has saved it. */
export interface SavedEnrollment {
  readonly enrollment: EnrollmentRow;
}

/** Enrolls one student, ACTIVE; students themselves into open courses, the course's teacher and admins anyone. */
export async function enroll(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ courseId: Key; studentId?: Key | null }>,
): Promise<Outcome<SavedEnrollment>> {
  const viewer = signedIn(caller);
  const { courseId, studentId = null } = inputOf(asked);
  const student = studentId ?? viewer.userId;
  if (viewer.role === Role.STUDENT && student !== viewer.userId)
    throw forbidden('Students can enroll only themselves: leave studentId out.');
  if (student === null)
    return rejected(problem(UserErrorCode.INVALID, STUDENT_ID, 'Name a student: this token belongs to no user.'));
  return changeEnrollment<SavedEnrollment>(
    database,
    {
      viewer,
      courseIds: [courseId],
      candidate: ({ courses }) => {
        const course = courses.get(courseId);
        if (course && viewer.role === Role.TEACHER) manageOnly(viewer, course);
        return course ? { courseId, studentId: student } : null;
      },
      decide: ({ courses }, students) => {
        const course = courses.get(courseId);
        if (!course) return notFound('Course', courseId, COURSE_ID);
        if (viewer.role === Role.TEACHER) manageOnly(viewer, course);
        const refusal =
          refusalOf(course, { id: student, field: studentId === null ? null : STUDENT_ID }, students) ??
          (mayManage(viewer, course) ? null : courseClosed(course, COURSE_ID)) ??
          (freeSeats(course) < 1 ? courseFull(course, COURSE_ID) : null);
        if (refusal) return refusal;
        return {
          becomes: { courseId, studentId: student, status: EnrollmentStatus.ACTIVE },
          apply: em => {
            const enrollment = createEnrollment(em, courseId, student);
            return () => done({ enrollment: savedRow(enrollment, EnrollmentStatus.ACTIVE) });
          },
        };
      },
    },
    committedIfExists(Enrollment, ({ enrollment: { id } }) => ({ id, course: courseId, student })),
  );
}

/**
 * Enrolls many students at once, ACTIVE: all that can be enrolled; each of the others is a problem with its index in
 * the input.
 */
export async function enrollMany(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ courseId: Key; studentIds: readonly Key[] }>,
): Promise<Outcome<{ ids: Key[]; courseId: Key }>> {
  const viewer = staffOnly(caller);
  const { courseId, studentIds } = inputOf(asked);
  if (studentIds.length > MAX_STUDENTS_OF_REQUEST) {
    return rejected(
      problem(
        UserErrorCode.INVALID,
        ['input', 'studentIds'],
        `The list names ${studentIds.length} students; at most ${MAX_STUDENTS_OF_REQUEST} fit in one request. Send the others in another.`,
      ),
    );
  }
  return withLockedCourses<Outcome<{ ids: Key[]; courseId: Key }>>(
    database,
    viewer,
    [courseId],
    async (em, courses) => {
      const course = courses.get(courseId);
      if (!course) return rejected(notFound('Course', courseId, COURSE_ID));
      manageOnly(viewer, course);
      const candidates = studentIds.map((id, index) => ({ id, field: ['input', 'studentIds', String(index)] }));
      const { free, refusals } = await enrollable(em, course, candidates, freeSeats(course));
      const enrollments = free.map(({ id }) => createEnrollment(em, courseId, id));
      await em.flush();
      return done({ ids: enrollments.map(({ id }) => id), courseId }, refusals);
    },
    committedIfExists(Enrollment, ({ ids: [id] }) => ({ id: id ?? 0, course: courseId })),
  );
}

/** Sets an enrollment's status; the course's teacher and admins. To ACTIVE takes a seat. */
export async function setEnrollmentStatus(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ enrollmentId: Key; status: EnrollmentStatus }>,
): Promise<Outcome<SavedEnrollment>> {
  const viewer = staffOnly(caller);
  const { enrollmentId, status } = inputOf(asked);
  return changeEnrollment<SavedEnrollment>(
    database,
    {
      viewer,
      enrollmentId,
      courseIds: [],
      decide: ({ enrollment: found }) => {
        if (!found) return notFound('Enrollment', enrollmentId, ENROLLMENT_ID);
        const { course, state } = found;
        manageOnly(viewer, course);
        const takesSeat = status === EnrollmentStatus.ACTIVE && state.status !== EnrollmentStatus.ACTIVE;
        if (takesSeat && freeSeats(course) < 1) return courseFull(course, ENROLLMENT_ID);
        return {
          becomes: { ...state, status },
          apply: (_, enrollment) => {
            enrollment!.status = status;
            return () => done({ enrollment: savedRow(enrollment!, status) });
          },
        };
      },
    },
    'repeat',
  );
}

/** Moves an enrollment to another course; teachers of both courses and admins. */
export async function transferEnrollment(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ enrollmentId: Key; courseId: Key }>,
): Promise<Outcome<SavedEnrollment & { from: Key }>> {
  const viewer = staffOnly(caller);
  const { enrollmentId, courseId } = inputOf(asked);
  return changeEnrollment<SavedEnrollment & { from: Key }>(
    database,
    {
      viewer,
      enrollmentId,
      courseIds: [courseId],
      candidate: ({ courses, enrollment }) => {
        if (!enrollment) return null;
        manageOnly(viewer, enrollment.course);
        const to = courses.get(courseId);
        if (!to || enrollment.state.courseId === courseId) return null;
        manageOnly(viewer, to);
        return { courseId, studentId: enrollment.state.studentId };
      },
      decide: ({ courses, enrollment: found }, students) => {
        if (!found) return notFound('Enrollment', enrollmentId, ENROLLMENT_ID);
        const { state, course: from } = found;
        manageOnly(viewer, from);
        const to = courses.get(courseId);
        if (!to) return notFound('Course', courseId, COURSE_ID);
        manageOnly(viewer, to);
        if (from.id === courseId)
          return problem(
            UserErrorCode.INVALID,
            COURSE_ID,
            `Enrollment ${shownKey(enrollmentId)} is in course ${shownKey(courseId)} already.`,
          );
        const refusal =
          refusalOf(to, { id: state.studentId, field: COURSE_ID }, students) ??
          (state.status === EnrollmentStatus.ACTIVE && freeSeats(to) < 1 ? courseFull(to, COURSE_ID) : null);
        if (refusal) return refusal;
        return {
          becomes: { ...state, courseId },
          apply: (em, enrollment) => {
            enrollment!.course = em.getReference(Course, courseId, { wrapped: true });
            return () => done({ enrollment: savedRow(enrollment!, state.status), from: from.id });
          },
        };
      },
    },
    committedIfExists(Enrollment, () => ({ id: enrollmentId, course: courseId })),
  );
}

/** Deletes an enrollment; students their own, the course's teacher and admins any. */
export async function unenroll(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ enrollmentId: Key }>,
): Promise<Outcome<{ id: Key; courseId: Key }>> {
  const viewer = signedIn(caller);
  const { enrollmentId } = inputOf(asked);
  const change = () =>
    changeEnrollment<{ id: Key; courseId: Key }>(
      database,
      {
        viewer,
        enrollmentId,
        courseIds: [],
        decide: ({ enrollment: found }) => {
          if (!found) return notFound('Enrollment', enrollmentId, ENROLLMENT_ID);
          const { course, state } = found;
          if (state.studentId !== viewer.userId) manageOnly(viewer, course);
          return {
            becomes: null,
            apply: (em, enrollment) => {
              em.remove(enrollment!);
              return () => done({ id: enrollmentId, courseId: course.id });
            },
          };
        },
      },
      committedIfGone(Enrollment, ({ id }) => ({ id })),
    );
  return unlessInUse(database, `Enrollment ${shownKey(enrollmentId)}`, ENROLLMENT_ID, change);
}

/** A student who is to be enrolled; `field` is the place in the input that names the student. */
interface Applicant {
  readonly id: Key;
  readonly field: readonly string[] | null;
}

/**
 * Separates the first students who exist and are not in the locked course, one for each seat, from the others; a
 * student who is named twice counts once.
 */
async function enrollable(
  em: SqlEntityManager,
  course: LockedCourse,
  applicants: readonly Applicant[],
  seats: number,
): Promise<{ free: Applicant[]; refusals: Problem[] }> {
  const ids = [...new Set(applicants.map(({ id }) => id))];
  const existing = await lockUsers(em, ids);
  const enrolled = await enrolledAmong(
    em,
    ids.map(studentId => ({ courseId: course.id, studentId })),
  );
  const free: Applicant[] = [];
  const refusals: Problem[] = [];
  for (const applicant of applicants) {
    const refusal =
      refusalOf(course, applicant, {
        exists: id => existing.has(id),
        isEnrolled: candidate => enrolled.has(pairOf(candidate)),
      }) ?? (free.length >= seats ? courseFull(course, applicant.field ?? COURSE_ID) : null);
    if (refusal) refusals.push(refusal);
    else {
      free.push(applicant);
      enrolled.add(pairOf({ courseId: course.id, studentId: applicant.id }));
    }
  }
  return { free, refusals };
}

/** Returns why a student cannot be enrolled in a course, whether it has seats or not; null: the student can. */
function refusalOf(course: LockedCourse, { id, field }: Applicant, students: KnownStudents): Problem | null {
  if (!students.exists(id)) return notFound('Student', id, field ?? STUDENT_ID);
  if (!students.isEnrolled({ courseId: course.id, studentId: id })) return null;
  return problem(
    UserErrorCode.ALREADY_ENROLLED,
    field ?? COURSE_ID,
    `Student ${shownKey(id)} is enrolled in course ${shownKey(course.id)} "${course.title}" already.`,
  );
}

function createEnrollment(em: SqlEntityManager, courseId: Key, studentId: Key): Enrollment {
  return em.create(Enrollment, {
    course: em.getReference(Course, courseId, { wrapped: true }),
    student: em.getReference(User, studentId, { wrapped: true }),
  });
}

/** Returns an enrollment as it is read, once it is saved: its caller needs no read to see what was just written. */
function savedRow({ id, course, student, enrolledAt, updatedAt }: Enrollment, status: EnrollmentStatus): EnrollmentRow {
  return { id, courseId: course.id, studentId: student.id, status, enrolledAt, updatedAt };
}
