import { LockMode, type EntityData, type RequiredEntityData } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { deleteWhere } from 'mikro-orm-counters';
import type { Database } from '../database/database.js';
import { withoutEnrollments } from '../database/connections/purposes.js';
import { Course, Enrollment, Role, User, type CourseStatus, type Key, shownKey } from '../entities/index.js';
import { adminOnly, forbidden, inputOf, manageOnly, staffOnly, type Asked } from '../access/access.js';
import { unlessInUse } from './in-use.js';
import { committedIfExists, committedIfGone } from './lost-commit.js';
import { withLockedCourses } from './locked-rows.js';
import { done, problem, rejected, UserErrorCode, type Outcome, type Problem } from './outcome.js';
import { notFound } from './seats.js';
import { linesProblem, textProblem } from './text.js';
import { inTransaction } from '../transactions/transactions.js';
import type { Viewer } from '../access/viewer.js';

/** The input for a course; undefined: leave as it is, null: remove. */
export interface CourseInput {
  readonly title?: string | null;
  readonly description?: string | null;
  readonly status?: CourseStatus | null;
  readonly isPublished?: boolean | null;
  readonly capacity?: number | null;
  readonly instructorId?: Key | null;
}

/** The longest description, in bytes: what the database's `text` can store. */
const MAX_DESCRIPTION_BYTES = 65_535;

/** Creates a course; teachers their own, admins for any instructor or none. */
export async function createCourse(
  database: Database,
  caller: Viewer | null,
  asked: Asked<CourseInput>,
): Promise<Outcome<{ id: Key }>> {
  const viewer = staffOnly(caller);
  const input = inputOf(asked);
  const instructorId =
    viewer.role === Role.TEACHER && input.instructorId == null ? viewer.userId : (input.instructorId ?? null);
  requireOwnInstructor(viewer, instructorId);
  return withoutEnrollments(() =>
    inTransaction(
      database,
      async em => {
        const problems = [
          ...courseProblems({ ...input, title: input.title ?? '' }),
          ...(await instructorProblems(em, instructorId)),
        ];
        if (problems.length > 0) return rejected(...problems);
        const course = em.create(Course, {
          ...courseData(em, { ...input, instructorId }),
          title: input.title!,
        } as RequiredEntityData<Course>);
        await em.flush();
        return done({ id: course.id });
      },
      committedIfExists(Course, ({ id }) => ({ id, title: input.title! })),
    ),
  );
}

/** Changes a course; its teacher and admins. The capacity cannot go below the seats that are taken. */
export async function updateCourse(
  database: Database,
  caller: Viewer | null,
  asked: Asked<CourseInput & { id: Key }>,
): Promise<Outcome<{ id: Key }>> {
  const viewer = staffOnly(caller);
  const { id, ...input } = inputOf(asked);
  return withoutEnrollments(() =>
    withLockedCourses<Outcome<{ id: Key }>>(
      database,
      viewer,
      [id],
      async (em, courses) => {
        const course = courses.get(id);
        if (!course) return rejected(notFound('Course', id, ['input', 'id']));
        manageOnly(viewer, course);
        if (input.instructorId !== undefined) requireOwnInstructor(viewer, input.instructorId);
        const problems = [...courseProblems(input), ...(await instructorProblems(em, input.instructorId ?? null))];
        if (input.capacity != null && input.capacity >= 0 && input.capacity < course.activeEnrollments) {
          problems.push(
            invalid(
              'capacity',
              `The capacity ${input.capacity} is below the ${course.activeEnrollments} seats that are taken; drop or move enrollments first.`,
            ),
          );
        }
        if (problems.length > 0) return rejected(...problems);
        em.assign(await em.findOneOrFail(Course, id), courseData(em, input));
        await em.flush();
        return done({ id });
      },
      'repeat',
    ),
  );
}

/** Deletes a course with all its enrollments; admins. */
export async function deleteCourse(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ id: Key }>,
): Promise<Outcome<{ id: Key }>> {
  const viewer = adminOnly(caller);
  const { id } = inputOf(asked);
  const work = () =>
    withLockedCourses<Outcome<{ id: Key }>>(
      database,
      viewer,
      [id],
      async (em, courses) => {
        if (!courses.has(id)) return rejected(notFound('Course', id, ['input', 'id']));
        await deleteWhere(em, Enrollment, { course: id });
        em.remove(em.getReference(Course, id));
        await em.flush();
        return done({ id });
      },
      committedIfGone(Course, value => value),
    );
  return unlessInUse(database, `Course ${shownKey(id)}`, ['input', 'id'], work);
}

function requireOwnInstructor(viewer: Viewer, instructorId: Key | null): void {
  if (viewer.role === Role.TEACHER && instructorId !== viewer.userId)
    throw forbidden('Teachers can name only themselves as instructor; ask an admin.');
}

async function instructorProblems(em: SqlEntityManager, id: Key | null): Promise<Problem[]> {
  if (id === null) return [];
  // The lock that the foreign key would take anyway, only earlier: a user that is found cannot be deleted before this
  // commits.
  const user = await em.findOne(User, id, { fields: ['role'], lockMode: LockMode.PESSIMISTIC_READ });
  if (!user) return [notFound('User', id, ['input', 'instructorId'])];
  return user.role === Role.STUDENT
    ? [invalid('instructorId', `User ${shownKey(id)} is a student; an instructor is a teacher or an admin.`)]
    : [];
}

/** Returns what is wrong with the properties of a course, apart from its instructor. */
export function courseProblems(input: CourseInput): Problem[] {
  const problems: (Problem | null)[] = [
    input.title === null ? invalid('title', 'The title cannot be null; leave it out to keep it.') : null,
    input.title == null ? null : textProblem('title', input.title, 255),
    input.description == null ? null : linesProblem('description', input.description, MAX_DESCRIPTION_BYTES),
    input.capacity != null && input.capacity < 0
      ? invalid('capacity', `The capacity ${input.capacity} is negative; null means no limit.`)
      : null,
    input.status === null ? invalid('status', 'The status cannot be null; give one, or leave it out.') : null,
    input.isPublished === null
      ? invalid('isPublished', 'isPublished cannot be null; give true or false, or leave it out.')
      : null,
  ];
  return problems.filter(one => one !== null);
}

function courseData(em: SqlEntityManager, { instructorId, ...input }: CourseInput): EntityData<Course> {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  if (instructorId === undefined) return given;
  return {
    ...given,
    instructor: instructorId === null ? null : em.getReference(User, instructorId, { wrapped: true }),
  };
}

function invalid(field: string, message: string): Problem {
  return problem(UserErrorCode.INVALID, ['input', field], message);
}
