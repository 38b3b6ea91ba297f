import { CourseStatus, Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';
import { countsIn, manages, removeEnrollments, sees, type CourseModel, type School, type UserModel } from './school.js';
import { adminOnly, denied, done, refused, staffOnly, type Verdict } from './verdict.js';

/** Is what a caller says of a course; what is left out stays. */
export interface CourseSaid {
  readonly title?: string;
  readonly description?: string | null;
  readonly status?: CourseStatus | null;
  readonly isPublished?: boolean | null;
  readonly capacity?: number | null;
  readonly instructorId?: number | null;
}

/** Says what must come of creating a course. */
export function createCourseVerdict(
  school: School,
  viewer: Viewer | null,
  said: CourseSaid & { title: string },
): Verdict {
  const denial = staffOnly(viewer);
  if (denial) return denial;
  const instructorId =
    viewer!.role === Role.TEACHER ? (said.instructorId ?? viewer!.userId) : (said.instructorId ?? null);
  if (viewer!.role === Role.TEACHER && instructorId !== viewer!.userId) return denied('FORBIDDEN');
  const codes = [...shapeCodes(said), ...instructorCodes(school, instructorId)];
  if (codes.length > 0) return refused(...codes);
  const { title, description = null, capacity = null } = said;
  const course = {
    title,
    description,
    capacity,
    status: said.status ?? CourseStatus.DRAFT,
    isPublished: said.isPublished ?? false,
    instructorId,
  };
  return done(([id]) => {
    school.courses.set(id!, course);
    return { course: id! };
  }, 1);
}

/** Says what must come of changing a course. */
export function updateCourseVerdict(
  school: School,
  viewer: Viewer | null,
  { id, ...said }: CourseSaid & { id: number },
): Verdict {
  const denial = staffOnly(viewer);
  if (denial) return denial;
  const course = school.courses.get(id);
  if (!course || !sees(school, viewer, id)) return refused('NOT_FOUND');
  if (!manages(viewer!, course)) return denied('FORBIDDEN');
  if (viewer!.role === Role.TEACHER && said.instructorId !== undefined && said.instructorId !== viewer!.userId)
    return denied('FORBIDDEN');
  const tooSmall = said.capacity != null && said.capacity >= 0 && said.capacity < countsIn(school, id)[1];
  const codes = [
    ...shapeCodes(said),
    ...instructorCodes(school, said.instructorId ?? null),
    ...(tooSmall ? ['INVALID'] : []),
  ];
  if (codes.length > 0) return refused(...codes);
  return done(() => {
    school.courses.set(id, { ...course, ...(said as Partial<CourseModel>) });
    return { course: id };
  });
}

/** Says what must come of deleting a course. */
export function deleteCourseVerdict(school: School, viewer: Viewer | null, { id }: { id: number }): Verdict {
  const denial = adminOnly(viewer);
  if (denial) return denial;
  if (!school.courses.has(id)) return refused('NOT_FOUND');
  return done(() => {
    school.courses.delete(id);
    removeEnrollments(school, ({ courseId }) => courseId === id);
    return { deletedId: id };
  });
}

/** Says what must come of creating a user; addresses that differ only in case are the same. */
export function createUserVerdict(school: School, viewer: Viewer | null, user: UserModel): Verdict {
  const denial = adminOnly(viewer);
  if (denial) return denial;
  const codes = [...(user.name === '' ? ['INVALID'] : []), ...(user.email.includes('@') ? [] : ['INVALID'])];
  if (codes.length > 0) return refused(...codes);
  if ([...school.users.values()].some(({ email }) => email.toLowerCase() === user.email.toLowerCase()))
    return refused('IN_USE');
  return done(([id]) => {
    school.users.set(id!, user);
    return { user: id! };
  }, 1);
}

/** Says what must come of deleting a user. */
export function deleteUserVerdict(school: School, viewer: Viewer | null, { id }: { id: number }): Verdict {
  const denial = adminOnly(viewer);
  if (denial) return denial;
  if ([...school.courses.values()].some(({ instructorId }) => instructorId === id)) return refused('IN_USE');
  if (!school.users.has(id)) return refused('NOT_FOUND');
  return done(() => {
    school.users.delete(id);
    removeEnrollments(school, ({ studentId }) => studentId === id);
    return { deletedId: id };
  });
}

function shapeCodes({ title, status, isPublished, capacity }: CourseSaid): string[] {
  const wrong = [title === '', capacity != null && capacity < 0, status === null, isPublished === null];
  return wrong.filter(Boolean).map(() => 'INVALID');
}

function instructorCodes({ users }: School, id: number | null): string[] {
  if (id === null) return [];
  const user = users.get(id);
  if (!user) return ['NOT_FOUND'];
  return user.role === Role.STUDENT ? ['INVALID'] : [];
}
