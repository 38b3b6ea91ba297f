import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import { addCourse, addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { mistakesIn, mutate } from '../support/mutations.js';
import { addCourses, addEnrollments, addUsers, allRows, expectExactCounts } from '../support/rows.js';

describeOnEach('a user', kind => {
  let api: Api;
  let admin: string;

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
  });
  afterEach(() => expectExactCounts(api.database));
  afterAll(() => api.stop());

  it('a created user is a student by default', async () => {
    const { user, userErrors } = await mutate(api, admin, 'createUser', { name: 'Ada', email: 'ada@example.org' });
    expect(userErrors).toEqual([]);
    expect(user).toEqual({
      id: expect.stringMatching(/^\d+$/),
      name: 'Ada',
      email: 'ada@example.org',
      role: 'STUDENT',
    });
    expect(
      (await mutate(api, admin, 'createUser', { name: 'Nil', email: 'nil@example.org', role: null })).user.role,
    ).toBe('STUDENT');
    expect(
      (await mutate(api, admin, 'createUser', { name: 'Tess', email: 'tess@example.org', role: 'TEACHER' })).user.role,
    ).toBe('TEACHER');
  });

  it('creating a user with the email of another is rejected with IN_USE', async () => {
    await mutate(api, admin, 'createUser', { name: 'First', email: 'same@example.org' });
    const before = await allRows(api.database);
    const payload = await mutate(api, admin, 'createUser', { name: 'Second', email: 'Same@Example.org' });
    expect(payload.user).toBeNull();
    expect(mistakesIn(payload)).toEqual(['IN_USE input.email']);
    expect(await allRows(api.database)).toEqual(before);
  });

  it('many simultaneous requests for one email create one user', async () => {
    const payloads = await Promise.all(
      Array.from({ length: 8 }, () => mutate(api, admin, 'createUser', { name: 'Racer', email: 'racer@example.org' })),
    );
    expect(payloads.flatMap(mistakesIn)).toEqual(Array(7).fill('IN_USE input.email'));
  });

  it.each([
    ['ada+courses@mail.example.org', []],
    [`${'a'.repeat(64)}@${'b'.repeat(60)}.example.org`, []],
    ['', ['INVALID input.email']],
    ['ada', ['INVALID input.email']],
    ['ada@', ['INVALID input.email']],
    ['@example.org', ['INVALID input.email']],
    ['ada@example', ['INVALID input.email']],
    ['ada @example.org', ['INVALID input.email']],
    ['ada@example.org\n', ['INVALID input.email']],
    ['Ada <ada@example.org>', ['INVALID input.email']],
    [`ada@${'b'.repeat(250)}.org`, ['INVALID input.email']],
  ])('creating a user with the email %j reports the mistakes %j', async (email, mistakes) => {
    const payload = await mutate(api, admin, 'createUser', { name: 'Ada', email });
    expect(mistakesIn(payload)).toEqual(mistakes);
    expect(payload.user?.email).toBe(mistakes.length === 0 ? email : undefined);
  });

  it('creating a user requires a name and an email, and reports both mistakes: INVALID', async () => {
    expect(mistakesIn(await mutate(api, admin, 'createUser', { name: ' ', email: '' }))).toEqual([
      'INVALID input.name',
      'INVALID input.email',
    ]);
  });

  it("deleting a user deletes the user's enrollments, and every count follows", async () => {
    const [ada, ben] = (await addUsers(api.database, Role.STUDENT, 2)) as [number, number];
    const courses = (await addCourses(api.database, [{}, {}, {}])) as [number, number, number];
    await addEnrollments(api.database, [
      ...courses.map(course => ({ course, student: ben })),
      { course: courses[0], student: ada },
      { course: courses[1], student: ada, status: EnrollmentStatus.DROPPED },
    ]);
    expect(await mutate(api, admin, 'deleteUser', { id: ada })).toEqual({ deletedId: String(ada), userErrors: [] });
    const { data } = await api.send(
      admin,
      `{ courses(filter: { ids: [${courses.join()}] }) { nodes { totalEnrollments activeEnrollments } } enrollments(filter: { studentId: ${ada} }) { totalCount } }`,
    );
    expect(data).toEqual({
      courses: { nodes: Array.from({ length: 3 }, () => ({ totalEnrollments: 1, activeEnrollments: 1 })) },
      enrollments: { totalCount: 0 },
    });
  });

  it('the token of a deleted user is invalid from the next request on', async () => {
    const ada = await addUser(api.database, Role.STUDENT);
    const token = await api.token(Role.STUDENT, ada);
    expect((await api.send(token, '{ me { id } }')).data).toEqual({ me: { id: String(ada) } });
    await mutate(api, admin, 'deleteUser', { id: ada });
    for (const query of [
      '{ me { id } }',
      `mutation { enroll(input: { courseId: "${await addCourse(api.database)}" }) { course { id } } }`,
    ]) {
      expect(await api.send(token, query)).toEqual({
        status: 401,
        errors: [expect.objectContaining({ extensions: { code: 'UNAUTHENTICATED' } })],
      });
    }
  });

  it('deleting a user who instructs a course is rejected with IN_USE, and the message names the course', async () => {
    const teacher = await addUser(api.database, Role.TEACHER);
    const course = await addCourse(api.database, { instructor: teacher });
    await addEnrollments(api.database, [{ course: await addCourse(api.database), student: teacher }]);
    const before = await allRows(api.database);
    const payload = await mutate(api, admin, 'deleteUser', { id: teacher });
    expect(payload.deletedId).toBeNull();
    expect(mistakesIn(payload)).toEqual(['IN_USE input.id']);
    expect(payload.userErrors[0].message).toContain(`course ${course}`);
    expect(await allRows(api.database)).toEqual(before);
    await mutate(api, admin, 'updateCourse', { id: course, instructorId: null });
    expect(mistakesIn(await mutate(api, admin, 'deleteUser', { id: teacher }))).toEqual([]);
  });

  it('deleting a missing user is rejected with NOT_FOUND', async () => {
    expect(mistakesIn(await mutate(api, admin, 'deleteUser', { id: 999_999 }))).toEqual(['NOT_FOUND input.id']);
  });
});
