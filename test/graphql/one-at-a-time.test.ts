import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addUser, startApi, type Api } from '../support/api.js';
import { addCourses } from '../support/rows.js';

describe('work that is long', () => {
  let api: Api;
  let [one, other] = ['', ''];
  let courses: number[];

  beforeAll(async () => {
    api = await startApi('sqlite');
    courses = await addCourses(api.database, [{}, {}, {}]);
    [one, other] = [await api.token(Role.ADMIN, await addUser(api.database, Role.ADMIN)), await api.token(Role.ADMIN, await addUser(api.database, Role.ADMIN))];
    // So that their users are known, and no statement is needed for that.
    for (const token of [one, other]) await api.send(token, '{ me { id } }');
  });
  afterAll(() => api.stop());

  it('is one verification at a time for each viewer; a second is refused at once and told of the first', async () => {
    // While somebody has SQLite's one connection, no verification comes to its end.
    const held = api.database.em.fork();
    await held.begin();
    const verify = (token: string): Promise<any> => api.send(token, 'mutation { verifyEnrollmentCounts { ok checked userErrors { code message } } }');
    const both = [verify(one), verify(one)];
    const refused = (await Promise.race(both)).data.verifyEnrollmentCounts;
    expect(refused).toEqual({ ok: false, checked: 0, userErrors: [{ code: 'IN_USE', message: expect.stringMatching(/^A verification that you have started is at work.* Wait until that is done\.$/) as unknown }] });
    const others = verify(other);
    await held.rollback();
    const answers = (await Promise.all([...both, others])).map(({ data }) => data.verifyEnrollmentCounts);
    expect(answers.filter(({ ok, checked }) => ok && checked === 3)).toHaveLength(2);
    expect((await verify(one)).data.verifyEnrollmentCounts).toMatchObject({ ok: true, checked: 3 });
  });

  it('is one run at a time for each viewer, whatever its courses; a second is refused and told of the first', async () => {
    const recount = async (token: string, course: number, throttle = 0): Promise<any> =>
      (await api.send(token, 'mutation ($input: RecountEnrollmentsInput) { recountEnrollments(input: $input) { run { id status } userErrors { code message } } }', { input: { courseIds: [String(course)], throttle } })).data.recountEnrollments;
    const { run } = await recount(one, courses[0]!, 60_000);
    expect(run.status).toBe('RUNNING');
    expect(await recount(one, courses[1]!)).toEqual({ run: null, userErrors: [{ code: 'IN_USE', message: `Run ${run.id}, which you have started, is at work. Wait until that is done.` }] });
    expect((await recount(other, courses[1]!)).run.status).toBe('SUCCEEDED');
    expect((await api.send(one, `mutation { cancelRecount(input: { id: "${run.id}" }) { run { status } } }`)).data.cancelRecount.run.status).toBe('CANCELLED');
  });
});
