import { expect } from 'vitest';
import type { Made } from './tables.js';

// Tests read deep into answers whose shape the schema gives.
type Send = (query: string) => Promise<any>;

/** A row of a list, by its id. */
interface Listed {
  readonly id: string;
}

const COURSE_FIELDS =
  'title status isPublished capacity instructor { id name email role } totalEnrollments activeEnrollments createdAt enrollmentsCount { count } active: enrollmentsCount(status: ACTIVE) { count } enrollments(first: 50) { nodes { id } }';

/** Compares every list, in every order and by every filter, with what the rows mean. */
export async function compareAnswers(send: Send, expected: Made['expected']): Promise<void> {
  const users = new Map(expected.users.map(user => [user.id, user]));
  const courseIds = new Set(expected.courses.map(({ id }) => id));
  const courses = await all(send, 'courses', '', COURSE_FIELDS);
  const shown = courses.map(({ enrollments, ...course }) => ({ ...course, enrollments: ids(enrollments.nodes) }));
  expect(byId(shown)).toEqual(
    byId(expected.courses).map(({ id, title, status, isPublished, capacity, instructor, total, active, made }) => ({
      id,
      title,
      status,
      isPublished,
      capacity,
      instructor: instructor === null ? null : (users.get(instructor) ?? null),
      totalEnrollments: total,
      activeEnrollments: active,
      createdAt: made,
      enrollmentsCount: { count: total },
      active: { count: active },
      enrollments: ids(expected.enrollments.filter(({ course }) => course === id)),
    })),
  );
  const enrollments = await all(
    send,
    'enrollments',
    '',
    'status enrolledAt course { id } student { id name email role }',
  );
  expect(byId(enrollments)).toEqual(
    byId(expected.enrollments).map(({ id, status, made, course, student }) => ({
      id,
      status,
      enrolledAt: made,
      course: courseIds.has(course) ? { id: course } : null,
      student: users.get(student) ?? null,
    })),
  );
  const list = async (field: string, rest: string): Promise<unknown> => ({
    rest,
    ids: ids(await all(send, field, rest, '')),
  });
  for (const direction of ['ASC', 'DESC']) {
    for (const field of ['TITLE', 'TOTAL_ENROLLMENTS', 'CREATED_AT', 'ID']) {
      const rest = `orderBy: { field: ${field} direction: ${direction} }`;
      expect(await list('courses', rest)).toEqual({ rest, ids: ids(expected.courses) });
    }
    const rest = `orderBy: { field: ENROLLED_AT direction: ${direction} }`;
    expect(await list('enrollments', rest)).toEqual({ rest, ids: ids(expected.enrollments) });
  }
  for (const status of ['DRAFT', 'ACTIVE', 'ARCHIVED']) {
    const rest = `filter: { status: ${status} }`;
    expect(await list('courses', rest)).toEqual({
      rest,
      ids: ids(expected.courses.filter(course => course.status === status)),
    });
  }
  for (const status of ['ACTIVE', 'COMPLETED', 'DROPPED', 'SUSPENDED']) {
    const rest = `filter: { status: ${status} }`;
    expect(await list('enrollments', rest)).toEqual({
      rest,
      ids: ids(expected.enrollments.filter(enrollment => enrollment.status === status)),
    });
  }
  for (const isPublished of [true, false]) {
    const rest = `filter: { isPublished: ${isPublished} }`;
    expect(await list('courses', rest)).toEqual({
      rest,
      ids: ids(expected.courses.filter(course => course.isPublished === isPublished)),
    });
  }
}

/** Reads all pages of a list, which must have as many rows as it says. */
async function all(send: Send, field: string, rest: string, nodes: string): Promise<any[]> {
  const found: any[] = [];
  for (let after = ''; ;) {
    const { list } = await send(
      `{ list: ${field}(first: 2${after} ${rest}) { nodes { id ${nodes} } pageInfo { hasNextPage endCursor } totalCount } }`,
    );
    found.push(...list.nodes);
    if (!list.pageInfo.hasNextPage) {
      expect({ rest, totalCount: list.totalCount }).toEqual({ rest, totalCount: found.length });
      return found;
    }
    after = ` after: ${JSON.stringify(list.pageInfo.endCursor)}`;
  }
}

function byId<Row extends Listed>(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function ids(rows: readonly Listed[]): string[] {
  return byId(rows).map(({ id }) => id);
}
