import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addCourse, addEnrollment, addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addUsers, expectExactCounts } from '../support/rows.js';

/** The fields of a course that are loaded in batches and cached for the rest of the request. */
const course = `course {
  title totalEnrollments activeEnrollments
  enrollmentsCount { count } enrollmentsByStatus { status count }
  viewerEnrollment { status } instructor { name }
  enrollments { totalCount nodes { status student { name } course { totalEnrollments } } }
}`;

describeOnEach('mutations in one request', kind => {
  let api: Api;
  let admin: string;

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
  });
  afterEach(() => expectExactCounts(api.database));
  afterAll(() => api.stop());

  it('mutations in one request run one after the other, and each payload shows the state after its own', async () => {
    const id = await addCourse(api.database);
    const ada = await addUser(api.database, Role.STUDENT, 'Ada');
    const enrollment = await addEnrollment(api.database, id, await addUser(api.database, Role.STUDENT, 'Ben'));
    const { data } = await api.send(
      await api.token(Role.ADMIN, ada),
      `mutation {
      enroll(input: { courseId: ${id} }) { ${course} }
      setEnrollmentStatus(input: { enrollmentId: ${enrollment}, status: DROPPED }) { ${course} }
      unenroll(input: { enrollmentId: ${enrollment} }) { ${course} }
      updateCourse(input: { id: ${id}, title: "New" }) { ${course} }
    }`,
    );
    const told = Object.values<any>(data).map(({ course: one }) => [
      one.totalEnrollments,
      one.activeEnrollments,
      one.enrollmentsCount.count,
      one.enrollmentsByStatus.map(({ count }: { count: number }) => count).join(' '),
      one.viewerEnrollment.status,
      one.enrollments.totalCount,
      one.enrollments.nodes
        .map((node: any) => `${node.student.name} ${node.status} ${node.course.totalEnrollments}`)
        .join(', '),
    ]);
    expect(told).toEqual([
      [2, 2, 2, '2 0 0 0', 'ACTIVE', 2, 'Ben ACTIVE 2, Ada ACTIVE 2'],
      [2, 1, 2, '1 0 1 0', 'ACTIVE', 2, 'Ben DROPPED 2, Ada ACTIVE 2'],
      [1, 1, 1, '1 0 0 0', 'ACTIVE', 1, 'Ada ACTIVE 1'],
      [1, 1, 1, '1 0 0 0', 'ACTIVE', 1, 'Ada ACTIVE 1'],
    ]);
    expect(data.updateCourse.course.title).toBe('New');
  });

  it('a request that transfers an enrollment and transfers it back shows both courses after each transfer', async () => {
    const [from, to] = (await addCourses(api.database, [{}, {}])) as [number, number];
    const enrollment = await addEnrollment(api.database, from, await addUser(api.database, Role.STUDENT));
    const both =
      '{ from { id totalEnrollments enrollmentsCount { count } } to { id totalEnrollments enrollmentsCount { count } } }';
    const { data } = await api.send(
      admin,
      `mutation {
      there: transferEnrollment(input: { enrollmentId: ${enrollment}, courseId: ${to} }) ${both}
      back: transferEnrollment(input: { enrollmentId: ${enrollment}, courseId: ${from} }) ${both}
    }`,
    );
    const counts = (id: number, count: number) => ({
      id: String(id),
      totalEnrollments: count,
      enrollmentsCount: { count },
    });
    expect(data).toEqual({
      there: { from: counts(from, 0), to: counts(to, 1) },
      back: { from: counts(to, 0), to: counts(from, 1) },
    });
  });

  it('a user whom a request deletes is shown nowhere in the rest of it', async () => {
    const id = await addCourse(api.database);
    const [ada, ben, cem] = (await addUsers(api.database, Role.STUDENT, 3)) as [number, number, number];
    const { data } = await api.send(
      admin,
      `mutation {
      enrollMany(input: { courseId: ${id}, studentIds: [${ada}, ${ben}] }) { ${course} }
      deleteUser(input: { id: ${ada} }) { deletedId }
      enroll(input: { courseId: ${id}, studentId: ${cem} }) { ${course} }
    }`,
    );
    expect(data.enrollMany.course).toMatchObject({ totalEnrollments: 2, enrollments: { totalCount: 2 } });
    expect(data.enroll.course).toMatchObject({
      totalEnrollments: 2,
      activeEnrollments: 2,
      enrollmentsCount: { count: 2 },
      enrollments: { totalCount: 2 },
    });
  });

  it('mutations before a rejected one in the same request are kept', async () => {
    const id = await addCourse(api.database, { capacity: 1 });
    const [ada, ben] = (await addUsers(api.database, Role.STUDENT, 2)) as [number, number];
    const { data } = await api.send(
      admin,
      `mutation {
      first: enroll(input: { courseId: ${id}, studentId: ${ada} }) { course { totalEnrollments } userErrors { code } }
      second: enroll(input: { courseId: ${id}, studentId: ${ben} }) { course { totalEnrollments } userErrors { code } }
      third: updateCourse(input: { id: ${id}, capacity: 2 }) { course { totalEnrollments } userErrors { code } }
      fourth: enroll(input: { courseId: ${id}, studentId: ${ben} }) { course { totalEnrollments } userErrors { code } }
    }`,
    );
    expect(data).toEqual({
      first: { course: { totalEnrollments: 1 }, userErrors: [] },
      second: { course: null, userErrors: [{ code: 'COURSE_FULL' }] },
      third: { course: { totalEnrollments: 1 }, userErrors: [] },
      fourth: { course: { totalEnrollments: 2 }, userErrors: [] },
    });
  });
});
