import { CourseStatus, Role } from '../../../src/entities/index.js';
import type { Viewer } from '../../../src/access/viewer.js';
import { countsIn, manages, removeEnrollments, sees, type CourseModel, type School, type UserModel } from './school.js';
import { adminOnly, denied, done, rejected, staffOnly, type Expected } from './expected.js';
import { numberKey } from '../../support/keys.js';

/** The input of a course; omitted fields stay as they are. */
export interface CourseInput {
  readonly title?: string;
  readonly description?: string | null;
  readonly status?: CourseStatus | null;
  readonly isPublished?: boolean | null;
  readonly capacity?: number | null;
  readonly instructorId?: number | null;
}

/** Returns the expected outcome of creating a course. */
export function expectedCreateCourse(
  school: School,
  viewer: Viewer | null,
  input: CourseInput & { title: string },
): Expected {
  const denial = staffOnly(viewer);
  if (denial) return denial;
  const instructorId =
    viewer!.role === Role.TEACHER ? (input.instructorId ?? numberKey(viewer!.userId)) : (input.instructorId ?? null);
  if (viewer!.role === Role.TEACHER && instructorId !== viewer!.userId) return denied('FORBIDDEN');
  const codes = [...shapeCodes(input), ...instructorCodes(school, instructorId)];
  if (codes.length > 0) return rejected(...codes);
  const { title, description = null, capacity = null } = input;
  const course = {
    title,
    description,
    capacity,
    status: input.status ?? CourseStatus.DRAFT,
    isPublished: input.isPublished ?? false,
    instructorId,
  };
  return done(([id]) => {
    school.courses.set(id!, course);
    return { course: id! };
  }, 1);
}

/** Returns the expected outcome of changing a course. */
export function expectedUpdateCourse(
  school: School,
  viewer: Viewer | null,
  { id, ...input }: CourseInput & { id: number },
): Expected {
  const denial = staffOnly(viewer);
  if (denial) return denial;
  const course = school.courses.get(id);
  if (!course || !sees(school, viewer, id)) return rejected('NOT_FOUND');
  if (!manages(viewer!, course)) return denied('FORBIDDEN');
  if (viewer!.role === Role.TEACHER && input.instructorId !== undefined && input.instructorId !== viewer!.userId)
    return denied('FORBIDDEN');
  const tooSmall = input.capacity != null && input.capacity >= 0 && input.capacity < countsIn(school, id)[1];
  const codes = [
    ...shapeCodes(input),
    ...instructorCodes(school, input.instructorId ?? null),
    ...(tooSmall ? ['INVALID'] : []),
  ];
  if (codes.length > 0) return rejected(...codes);
  return done(() => {
    school.courses.set(id, { ...course, ...(input as Partial<CourseModel>) });
    return { course: id };
  });
}

/** Returns the expected outcome of deleting a course. */
export function expectedDeleteCourse(school: School, viewer: Viewer | null, { id }: { id: number }): Expected {
  const denial = adminOnly(viewer);
  if (denial) return denial;
  if (!school.courses.has(id)) return rejected('NOT_FOUND');
  return done(() => {
    school.courses.delete(id);
    removeEnrollments(school, ({ courseId }) => courseId === id);
    return { deletedId: id };
  });
}

/** Returns the expected outcome of creating a user; addresses that differ only in case are the same. */
export function expectedCreateUser(school: School, viewer: Viewer | null, user: UserModel): Expected {
  const denial = adminOnly(viewer);
  if (denial) return denial;
  const codes = [...(user.name === '' ? ['INVALID'] : []), ...(user.email.includes('@') ? [] : ['INVALID'])];
  if (codes.length > 0) return rejected(...codes);
  if ([...school.users.values()].some(({ email }) => email.toLowerCase() === user.email.toLowerCase()))
    return rejected('IN_USE');
  return done(([id]) => {
    school.users.set(id!, user);
    return { user: id! };
  }, 1);
}

/** Returns the expected outcome of deleting a user. */
export function expectedDeleteUser(school: School, viewer: Viewer | null, { id }: { id: number }): Expected {
  const denial = adminOnly(viewer);
  if (denial) return denial;
  if ([...school.courses.values()].some(({ instructorId }) => instructorId === id)) return rejected('IN_USE');
  if (!school.users.has(id)) return rejected('NOT_FOUND');
  return done(() => {
    school.users.delete(id);
    removeEnrollments(school, ({ studentId }) => studentId === id);
    return { deletedId: id };
  });
}

function shapeCodes({ title, status, isPublished, capacity }: CourseInput): string[] {
  const wrong = [title === '', capacity != null && capacity < 0, status === null, isPublished === null];
  return wrong.filter(Boolean).map(() => 'INVALID');
}

function instructorCodes({ users }: School, id: number | null): string[] {
  if (id === null) return [];
  const user = users.get(id);
  if (!user) return ['NOT_FOUND'];
  return user.role === Role.STUDENT ? ['INVALID'] : [];
}
