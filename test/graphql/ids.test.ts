import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers, everything } from '../support/rows.js';

const BAD_IDS = ['0', '-1', 'abc', '1.5', '1e3', '01', '+1', ' 1', '1 ', '0x1', '١', '', '9007199254740992', '9007199254740993', '1'.repeat(100_000), "1' or '1'='1", '1; drop table core_user', '1\0', 'null'];
const BAD_NUMBERS = [0, -1, -2_147_483_648];

/** Holds every place for an id: the operation with $id there, and the argument's name. */
const places: [string, string][] = [
  ['query ($id: ID!) { course(id: $id) { id } }', 'id'],
  ['query ($id: ID!) { enrollment(id: $id) { id } }', 'id'],
  ['query ($id: ID!) { courses(filter: { ids: [1, $id] }) { totalCount } }', 'filter.ids.1'],
  ['query ($id: ID!) { courses(filter: { instructorId: $id }) { totalCount } }', 'filter.instructorId'],
  ['query ($id: ID!) { enrollments(filter: { courseId: $id }) { totalCount } }', 'filter.courseId'],
  ['query ($id: ID!) { enrollments(filter: { studentId: $id }) { totalCount } }', 'filter.studentId'],
  ['query ($id: ID!) { courses(first: 1) { nodes { enrollments(filter: { studentId: $id }) { totalCount } } } }', 'filter.studentId'],
  ['mutation ($id: ID!) { enroll(input: { courseId: $id }) { userErrors { code } } }', 'input.courseId'],
  ['mutation ($id: ID!) { enroll(input: { courseId: 1, studentId: $id }) { userErrors { code } } }', 'input.studentId'],
  ['mutation ($id: ID!) { enrollMany(input: { courseId: $id, studentIds: [] }) { userErrors { code } } }', 'input.courseId'],
  ['mutation ($id: ID!) { enrollMany(input: { courseId: 1, studentIds: [2, $id] }) { userErrors { code } } }', 'input.studentIds.1'],
  ['mutation ($id: ID!) { setEnrollmentStatus(input: { enrollmentId: $id, status: DROPPED }) { userErrors { code } } }', 'input.enrollmentId'],
  ['mutation ($id: ID!) { transferEnrollment(input: { enrollmentId: $id, courseId: 1 }) { userErrors { code } } }', 'input.enrollmentId'],
  ['mutation ($id: ID!) { transferEnrollment(input: { enrollmentId: 1, courseId: $id }) { userErrors { code } } }', 'input.courseId'],
  ['mutation ($id: ID!) { unenroll(input: { enrollmentId: $id }) { userErrors { code } } }', 'input.enrollmentId'],
  ['mutation ($id: ID!) { createCourse(input: { title: "New", instructorId: $id }) { userErrors { code } } }', 'input.instructorId'],
  ['mutation ($id: ID!) { updateCourse(input: { id: $id, title: "New" }) { userErrors { code } } }', 'input.id'],
  ['mutation ($id: ID!) { updateCourse(input: { id: 1, instructorId: $id }) { userErrors { code } } }', 'input.instructorId'],
  ['mutation ($id: ID!) { deleteCourse(input: { id: $id }) { userErrors { code } } }', 'input.id'],
  ['mutation ($id: ID!) { deleteUser(input: { id: $id }) { userErrors { code } } }', 'input.id'],
  ['query ($id: ID!) { recountRun(id: $id) { id } }', 'id'],
  ['mutation ($id: ID!) { verifyEnrollmentCounts(input: { courseIds: [1, $id] }) { userErrors { code } } }', 'input.courseIds.1'],
  ['mutation ($id: ID!) { recountEnrollments(input: { courseIds: [1, $id] }) { userErrors { code } } }', 'input.courseIds.1'],
  ['mutation ($id: ID!) { pauseRecount(input: { id: $id }) { userErrors { code } } }', 'input.id'],
  ['mutation ($id: ID!) { resumeRecount(input: { id: $id }) { userErrors { code } } }', 'input.id'],
  ['mutation ($id: ID!) { cancelRecount(input: { id: $id }) { userErrors { code } } }', 'input.id'],
  ['mutation ($id: ID!) { undoRecount(input: { id: $id }) { userErrors { code } } }', 'input.id'],
];

describeOnEach('an id', kind => {
  let api: Api;
  let admin: string;

  beforeAll(async () => {
    api = await startApi(kind);
    const [user, student] = (await addUsers(api.database, Role.ADMIN, 2)) as [number, number];
    admin = await api.token(Role.ADMIN, user);
    const [course] = (await addCourses(api.database, [{}])) as [number];
    await addEnrollments(api.database, [{ course, student }]);
  });
  afterAll(() => api.stop());

  it.each(places)('that is none is BAD_USER_INPUT and changes nothing: %s', async (operation, argument) => {
    const before = await everything(api.database);
    for (const id of [...BAD_IDS, ...BAD_NUMBERS]) {
      const { errors } = await api.send(admin, operation, { id });
      expect(errors?.map(({ extensions }) => extensions), `id ${JSON.stringify(id).slice(0, 50)}`).toEqual([{ code: 'BAD_USER_INPUT', argument }]);
      expect(errors![0]!.message.length).toBeLessThan(250);
    }
    expect(await everything(api.database)).toEqual(before);
  });

  it.each(places)('that is not there, however large, is no failure: %s', async operation => {
    const before = await everything(api.database);
    for (const id of ['4294967295', '4294967296', '9007199254740991']) {
      const { data, errors } = await api.send(admin, operation, { id });
      expect(errors).toBeUndefined();
      if (operation.startsWith('mutation')) expect(Object.values<any>(data)[0].userErrors).toContainEqual({ code: 'NOT_FOUND' });
    }
    expect(await everything(api.database)).toEqual(before);
  });

  it('can be written as a number, and is always a text in answers', async () => {
    expect((await api.send(admin, '{ course(id: 1) { id } }')).data).toEqual({ course: { id: '1' } });
    expect((await api.send(admin, 'query ($id: ID!) { course(id: $id) { id } }', { id: 1 })).data).toEqual({ course: { id: '1' } });
  });

  it('of the wrong kind of value never reaches a resolver', async () => {
    for (const id of [true, 1.5, [1], { id: 1 }, null]) {
      const { errors, status } = await api.send(admin, 'query ($id: ID!) { course(id: $id) { id } }', { id });
      expect([errors?.[0]?.extensions.code, status]).toEqual(['BAD_USER_INPUT', 400]);
    }
  });
});
