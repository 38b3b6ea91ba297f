import type { MutationName } from '../../support/mutations.js';
import { countsIn, type School } from './school.js';
import type { ShownRows } from './expected.js';

/** The fields of each mutation's answer beside userErrors. */
const fields: Record<MutationName, readonly (keyof ShownRows)[]> = {
  enroll: ['enrollment', 'course'],
  enrollMany: ['enrollments', 'course'],
  setEnrollmentStatus: ['enrollment', 'course'],
  transferEnrollment: ['enrollment', 'from', 'to'],
  unenroll: ['deletedId', 'course'],
  createCourse: ['course'],
  updateCourse: ['course'],
  deleteCourse: ['deletedId'],
  createUser: ['user'],
  deleteUser: ['deletedId'],
};

/** Returns the expected answer of a mutation beside userErrors: the rows as the model has them now. */
export function shownBy(school: School, name: MutationName, rows: ShownRows): Record<string, unknown> {
  return Object.fromEntries(fields[name].map(field => [field, shown(school, field, rows[field])]));
}

/** Returns the ids of the new rows that an answer shows; a row that is already deleted is not shown. */
export function newIdsIn(
  name: MutationName,
  payload: Record<string, { id: string } | { id: string }[] | null>,
): number[] {
  const rows = {
    enroll: payload['enrollment'],
    enrollMany: payload['enrollments'],
    createCourse: payload['course'],
    createUser: payload['user'],
  }[name as 'enroll'];
  return [rows ?? []].flat().map(({ id }) => Number(id));
}

function shown(school: School, field: keyof ShownRows, value: number | readonly number[] | undefined): unknown {
  if (field === 'enrollments') return ((value ?? []) as readonly number[]).map(id => enrollment(school, id));
  if (value === undefined) return null;
  const id = value as number;
  if (field === 'deletedId') return String(id);
  if (field === 'enrollment')
    return { ...enrollment(school, id), course: { id: String(school.enrollments.get(id)?.courseId) } };
  if (field === 'user') return user(school, id);
  return course(school, id);
}

function enrollment({ enrollments }: School, id: number): object {
  const { status, studentId } = enrollments.get(id)!;
  return { id: String(id), status: status.toUpperCase(), student: { id: String(studentId) } };
}

function user({ users }: School, id: number): object {
  const { name, email, role } = users.get(id)!;
  return { id: String(id), name, email, role: role.toUpperCase() };
}

function course(school: School, id: number): object {
  const { title, description, status, isPublished, capacity, instructorId } = school.courses.get(id)!;
  const [totalEnrollments, activeEnrollments] = countsIn(school, id);
  const instructor = instructorId === null ? null : { id: String(instructorId) };
  return {
    id: String(id),
    title,
    description,
    status: status.toUpperCase(),
    isPublished,
    capacity,
    totalEnrollments,
    activeEnrollments,
    instructor,
  };
}
