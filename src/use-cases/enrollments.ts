import type { SqlEntityManager } from '@mikro-orm/sql';
import { Course, Enrollment, EnrollmentStatus, Role, User } from '../entities/index.js';
import type { Database } from '../database/database.js';
import { forbidden, inputOf, manageOnly, mayManage, signedIn, staffOnly, type Asked } from '../access/access.js';
import { committedIfExists, committedIfGone } from './lost-commit.js';
import { lockUsers, withLockedCourses, withLockedEnrollment, type LockedCourse } from './locked-rows.js';
import { done, problem, rejected, UserErrorCode, type Outcome, type Problem } from './outcome.js';
import { courseClosed, courseFull, freeSeats, notFound } from './seats.js';
import type { Viewer } from '../access/viewer.js';

const COURSE_ID = ['input', 'courseId'];
const STUDENT_ID = ['input', 'studentId'];
const ENROLLMENT_ID = ['input', 'enrollmentId'];

/** The most students that one request enrolls: it holds the course's lock all the time. */
const MAX_STUDENTS_OF_REQUEST = 1000;

/** Enrolls one student, ACTIVE; students themselves into open courses, the course's teacher and admins anyone. */
export async function enroll(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ courseId: number; studentId?: number | null }>,
): Promise<Outcome<{ id: number; courseId: number }>> {
  const viewer = signedIn(caller);
  const { courseId, studentId = null } = inputOf(asked);
  const student = studentId ?? viewer.userId;
  if (viewer.role === Role.STUDENT && student !== viewer.userId)
    throw forbidden('Students can enroll only themselves: leave studentId out.');
  if (student === null)
    return rejected(problem(UserErrorCode.INVALID, STUDENT_ID, 'Name a student: this token belongs to no user.'));
  return withLockedCourses<Outcome<{ id: number; courseId: number }>>(
    database,
    viewer,
    [courseId],
    async (em, courses) => {
      const course = courses.get(courseId);
      if (!course) return rejected(notFound('Course', courseId, COURSE_ID));
      if (viewer.role === Role.TEACHER) manageOnly(viewer, course);
      const field = studentId === null ? null : STUDENT_ID;
      const { refusals } = await enrollable(em, course, [{ id: student, field }]);
      const closed = mayManage(viewer, course) ? null : courseClosed(course, COURSE_ID);
      const full = freeSeats(course) < 1 ? courseFull(course, COURSE_ID) : null;
      const refusal = refusals[0] ?? closed ?? full;
      if (refusal) return rejected(refusal);
      const enrollment = createEnrollment(em, courseId, student);
      await em.flush();
      return done({ id: enrollment.id, courseId });
    },
    committedIfExists(Enrollment, ({ id }) => ({ id, course: courseId, student })),
  );
}

/**
 * Enrolls many students at once, ACTIVE: all that can be enrolled; each of the others is a problem with its index in
 * the input.
 */
export async function enrollMany(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ courseId: number; studentIds: readonly number[] }>,
): Promise<Outcome<{ ids: number[]; courseId: number }>> {
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
  return withLockedCourses<Outcome<{ ids: number[]; courseId: number }>>(
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
  asked: Asked<{ enrollmentId: number; status: EnrollmentStatus }>,
): Promise<Outcome<{ id: number; courseId: number }>> {
  const viewer = staffOnly(caller);
  const { enrollmentId, status } = inputOf(asked);
  return withLockedEnrollment<Outcome<{ id: number; courseId: number }>>(
    database,
    viewer,
    enrollmentId,
    [],
    async (em, locked) => {
      if (!locked) return rejected(notFound('Enrollment', enrollmentId, ENROLLMENT_ID));
      const { course } = locked;
      manageOnly(viewer, course);
      const takesSeat = status === EnrollmentStatus.ACTIVE && locked.enrollment.status !== EnrollmentStatus.ACTIVE;
      if (takesSeat && freeSeats(course) < 1) return rejected(courseFull(course, ENROLLMENT_ID));
      const enrollment = await em.findOneOrFail(Enrollment, enrollmentId);
      enrollment.status = status;
      await em.flush();
      return done({ id: enrollmentId, courseId: course.id });
    },
    'repeat',
  );
}

/** Moves an enrollment to another course; teachers of both courses and admins. */
export async function transferEnrollment(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ enrollmentId: number; courseId: number }>,
): Promise<Outcome<{ id: number; from: number; to: number }>> {
  const viewer = staffOnly(caller);
  const { enrollmentId, courseId } = inputOf(asked);
  return withLockedEnrollment<Outcome<{ id: number; from: number; to: number }>>(
    database,
    viewer,
    enrollmentId,
    [courseId],
    async (em, locked) => {
      if (!locked) return rejected(notFound('Enrollment', enrollmentId, ENROLLMENT_ID));
      const { enrollment: row, course: from, others } = locked;
      manageOnly(viewer, from);
      const to = others.get(courseId);
      if (!to) return rejected(notFound('Course', courseId, COURSE_ID));
      manageOnly(viewer, to);
      if (row.courseId === courseId)
        return rejected(
          problem(UserErrorCode.INVALID, COURSE_ID, `Enrollment ${enrollmentId} is in course ${courseId} already.`),
        );
      const { refusals } = await enrollable(em, to, [{ id: row.studentId, field: COURSE_ID }]);
      const full = row.status === EnrollmentStatus.ACTIVE && freeSeats(to) < 1 ? courseFull(to, COURSE_ID) : null;
      const refusal = refusals[0] ?? full;
      if (refusal) return rejected(refusal);
      const enrollment = await em.findOneOrFail(Enrollment, enrollmentId);
      enrollment.course = em.getReference(Course, courseId, { wrapped: true });
      await em.flush();
      return done({ id: enrollmentId, from: row.courseId, to: courseId });
    },
    committedIfExists(Enrollment, ({ id, to }) => ({ id, course: to })),
  );
}

/** Deletes an enrollment; students their own, the course's teacher and admins any. */
export async function unenroll(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ enrollmentId: number }>,
): Promise<Outcome<{ id: number; courseId: number }>> {
  const viewer = signedIn(caller);
  const { enrollmentId } = inputOf(asked);
  return withLockedEnrollment<Outcome<{ id: number; courseId: number }>>(
    database,
    viewer,
    enrollmentId,
    [],
    async (em, locked) => {
      if (!locked) return rejected(notFound('Enrollment', enrollmentId, ENROLLMENT_ID));
      const { course, enrollment } = locked;
      if (enrollment.studentId !== viewer.userId) manageOnly(viewer, course);
      em.remove(await em.findOneOrFail(Enrollment, enrollmentId));
      await em.flush();
      return done({ id: enrollmentId, courseId: course.id });
    },
    committedIfGone(Enrollment, ({ id }) => ({ id })),
  );
}

interface Candidate {
  readonly id: number;
  readonly field: readonly string[] | null;
}

/**
 * Separates the first students who exist and are not in the locked course, one for each seat, from the others; a
 * student who is named twice counts once.
 */
async function enrollable(
  em: SqlEntityManager,
  course: LockedCourse,
  candidates: readonly Candidate[],
  seats = Number.POSITIVE_INFINITY,
): Promise<{ free: Candidate[]; refusals: Problem[] }> {
  const ids = [...new Set(candidates.map(({ id }) => id))];
  const existing = await lockUsers(em, ids);
  const taken = (await em
    .createQueryBuilder(Enrollment, 'e')
    .select(['student'])
    .where({ course: course.id, student: { $in: ids } })
    .execute('all')) as unknown as { student: number }[];
  const enrolled = new Set(taken.map(({ student }) => student));
  const free: Candidate[] = [];
  const refusals: Problem[] = [];
  for (const candidate of candidates) {
    const { id, field } = candidate;
    if (!existing.has(id)) refusals.push(notFound('Student', id, field ?? STUDENT_ID));
    else if (enrolled.has(id))
      refusals.push(
        problem(
          UserErrorCode.ALREADY_ENROLLED,
          field ?? COURSE_ID,
          `Student ${id} is enrolled in course ${course.id} "${course.title}" already.`,
        ),
      );
    else if (free.length >= seats) refusals.push(courseFull(course, field ?? COURSE_ID));
    else {
      free.push(candidate);
      enrolled.add(id);
    }
  }
  return { free, refusals };
}

function createEnrollment(em: SqlEntityManager, courseId: number, studentId: number): Enrollment {
  return em.create(Enrollment, {
    course: em.getReference(Course, courseId, { wrapped: true }),
    student: em.getReference(User, studentId, { wrapped: true }),
  });
}
