import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { startApi, type Api } from '../support/api.js';
import { describeOnFirstThree } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';

/** More than the terms that SQLite accepts in one compound SELECT (https://www.sqlite.org/limits.html). */
const MANY = 700;

describeOnFirstThree('a request that reaches hundreds of rows', kind => {
  let api: Api;
  let admin: string;
  let courses: number[];
  let students: number[];

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
    students = await addUsers(api.database, Role.STUDENT, MANY);
    courses = await addCourses(
      api.database,
      Array.from({ length: 7 }, () => ({})),
    );
    // 100 students in each course, every one in one.
    await addEnrollments(
      api.database,
      students.map((student, index) => ({ course: courses[index % 7]!, student })),
    );
  });
  afterAll(() => api.stop());

  it('a request that reaches hundreds of rows gets the list and the count under every student', async () => {
    const { data, errors } = await api.send(
      admin,
      '{ courses { nodes { enrollments(first: 100) { nodes { student { id enrollments(first: 1) { totalCount nodes { student { id } } } } } } } } }',
    );
    expect(errors).toBeUndefined();
    const found = data.courses.nodes.flatMap((course: any) =>
      course.enrollments.nodes.map(({ student }: any) => student),
    );
    expect(found).toHaveLength(MANY);
    for (const { id, enrollments } of found)
      expect(enrollments).toEqual({ totalCount: 1, nodes: [{ student: { id } }] });
  });

  it('a request that reaches hundreds of rows gets the computed counts of every course', async () => {
    const [student] = students as [number];
    const many = await addCourses(
      api.database,
      Array.from({ length: MANY }, () => ({})),
    );
    await addEnrollments(
      api.database,
      many.map(course => ({ course, student })),
    );
    const pages = Array.from(
      { length: 7 },
      (_, index) =>
        `p${index}: courses(filter: { ids: [${many.slice(index * 100, index * 100 + 100).join()}] }, first: 100) { nodes { enrollmentsCount { count } unlimited: enrollmentsCount(limit: null) { count } enrollmentsByStatus { count } } }`,
    );
    const { data, errors } = await api.send(admin, `{ ${pages.join(' ')} }`);
    expect(errors).toBeUndefined();
    const found = Object.values<any>(data).flatMap(({ nodes }) => nodes);
    expect(found).toEqual(
      Array.from({ length: MANY }, () => ({
        enrollmentsCount: { count: 1 },
        unlimited: { count: 1 },
        enrollmentsByStatus: [{ count: 1 }, { count: 0 }, { count: 0 }, { count: 0 }],
      })),
    );
  });
});
