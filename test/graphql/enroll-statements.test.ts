import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addUsers } from '../support/rows.js';
import { statementsOf, summarize } from '../support/statements.js';

/** Each is one way to the database and back, between BEGIN and COMMIT; docs/architecture.md says what it is for. */
const STATEMENTS = ['core_course', 'core_user', 'core_enrollments', 'update core_course', 'insert core_enrollments'];

describeOnEach('one enroll', kind => {
  let api: Api;
  let token: string;

  beforeAll(async () => {
    api = await startApi(kind);
    token = await api.token(Role.ADMIN, await addUser(api.database, Role.ADMIN));
  });
  afterAll(() => api.stop());

  it('an enroll and its answer take the statements that the docs name', async () => {
    const [course] = await addCourses(api.database, [{}]);
    const students = await addUsers(api.database, Role.STUDENT, 2);
    const enroll = (student: number) =>
      api.send(
        token,
        `mutation { enroll(input: { courseId: ${course!}, studentId: ${student} }) { enrollment { id status } userErrors { code } } }`,
      );
    // The first one may ask what the server remembers from then on.
    await enroll(students[0]!);
    const statements = await statementsOf(api.database, async () => {
      const { data } = await enroll(students[1]!);
      expect(data.enroll).toMatchObject({ enrollment: { status: 'ACTIVE' }, userErrors: [] });
    });
    expect(summarize(statements).map(one => one.replace(/^(select|lock) /, ''))).toEqual(STATEMENTS);
  });
});
