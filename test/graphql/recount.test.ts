import { afterEach, beforeEach, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addFullCourses, breakTotals, write } from '../support/drift.js';
import { mistakesIn } from '../support/mutations.js';
import { changesOfRun, finishRun, polled, mutateRun, readRun, type Sender } from '../support/recounts.js';
import { allRows, expectExactCounts } from '../support/rows.js';

const COURSES = 6;
const total = 'Course.totalEnrollments';

describeOnEach('a recount through the API', kind => {
  let api: Api;
  let send: Sender;
  let admin: number;
  let courses: number[];

  beforeEach(async () => {
    api = await startApi(kind);
    admin = await addUser(api.database, Role.ADMIN);
    const token = await api.token(Role.ADMIN, admin);
    send = (query, variables) => api.send(token, query, variables);
    courses = await addFullCourses(api.database, COURSES);
  });
  afterEach(() => api.stop());

  const ids = (of: readonly number[]): string[] => of.map(String);
  const change = (course: number, before: number, after: number) => ({
    counter: total,
    courseId: String(course),
    course: { id: String(course) },
    before,
    after,
  });
  /** Lets a run that was started with a long pause go on without it once it is resumed. */
  const hurry = (id: string) => write(api.database, `update core_recount_runs set throttle = 0 where id = ${id}`);

  it('a short recount is finished in the answer, with its changes', async () => {
    await breakTotals(api.database, courses.slice(1, 3));
    const { run, userErrors } = await mutateRun(send, 'recountEnrollments', {});
    expect(userErrors).toEqual([]);
    expect(run).toMatchObject({
      kind: 'RECOUNT',
      status: 'SUCCEEDED',
      interrupted: false,
      dryRun: false,
      startedBy: `user ${admin}`,
      courseIds: null,
      batchSize: null,
      throttle: 0,
      error: null,
      undoneRun: null,
    });
    expect(run).toMatchObject({ total: COURSES, checked: COURSES, drifted: 2, repaired: 2 });
    expect(Date.parse(run.finishedAt)).toBeGreaterThanOrEqual(Date.parse(run.startedAt));
    expect(await changesOfRun(send, run.id)).toEqual([change(courses[1]!, 9, 3), change(courses[2]!, 9, 3)]);
    await expectExactCounts(api.database);
  });

  it('a recount without an input covers all courses, and the rest of the request shows the counts afterwards', async () => {
    await breakTotals(api.database, [courses[0]!]);
    const { data } = await send(
      `mutation { before: updateCourse(input: { id: ${courses[0]} }) { course { totalEnrollments } } recountEnrollments { run { total repaired changes { nodes { course { totalEnrollments } } } } } }`,
    );
    expect(data).toEqual({
      before: { course: { totalEnrollments: 9 } },
      recountEnrollments: {
        run: { total: COURSES, repaired: 1, changes: { nodes: [{ course: { totalEnrollments: 3 } }] } },
      },
    });
  });

  it('a dry recount of some courses in chunks says what it is and changes nothing', async () => {
    await breakTotals(api.database, courses);
    const before = await allRows(api.database);
    const run = await finishRun(send, 'recountEnrollments', {
      courseIds: ids([courses[3]!, courses[1]!, courses[3]!]),
      dryRun: true,
      batchSize: 1,
      throttle: 1,
    });
    expect(run).toMatchObject({
      status: 'SUCCEEDED',
      dryRun: true,
      courseIds: ids([courses[1]!, courses[3]!]),
      batchSize: 1,
      throttle: 1,
      total: 2,
      checked: 2,
      drifted: 2,
      repaired: 0,
    });
    expect(await changesOfRun(send, run.id)).toEqual([change(courses[1]!, 9, 3), change(courses[3]!, 9, 3)]);
    expect(await allRows(api.database)).toEqual(before);
  });

  it('a long recount is RUNNING in the answer and goes on, to be polled until it has succeeded', async () => {
    await breakTotals(api.database, courses);
    const { run } = await mutateRun(send, 'recountEnrollments', { batchSize: 1, throttle: 350 });
    expect(run).toMatchObject({ status: 'RUNNING', finishedAt: null });
    expect(run.checked).toBeLessThan(COURSES);
    expect(await polled(send, run.id, ({ status }) => status !== 'RUNNING')).toMatchObject({
      status: 'SUCCEEDED',
      checked: COURSES,
      repaired: COURSES,
    });
    expect(await changesOfRun(send, run.id, 2)).toEqual(courses.map(course => change(course, 9, 3)));
    await expectExactCounts(api.database);
  });

  it('a recount can be paused, resumed, cancelled and undone', async () => {
    await breakTotals(api.database, courses);
    const { id } = (await mutateRun(send, 'recountEnrollments', { throttle: 60_000 })).run;
    await polled(send, id, ({ checked }) => checked === 1);
    expect((await mutateRun(send, 'pauseRecount', { id })).run).toMatchObject({
      id,
      status: 'PAUSED',
      checked: 1,
      repaired: 1,
      finishedAt: null,
    });
    expect(mistakesIn(await mutateRun(send, 'pauseRecount', { id }))).toEqual(['NOT_RUNNING input.id']);

    expect((await mutateRun(send, 'resumeRecount', { id })).run).toMatchObject({ id, status: 'RUNNING' });
    await polled(send, id, ({ checked }) => checked === 2);
    expect(mistakesIn(await mutateRun(send, 'resumeRecount', { id }))).toEqual(['IN_USE input.id']);
    expect(mistakesIn(await mutateRun(send, 'undoRecount', { id }))).toEqual(['IN_USE input.id']);

    const cancelled = (await mutateRun(send, 'cancelRecount', { id })).run;
    expect(cancelled).toMatchObject({ id, status: 'CANCELLED', repaired: 2 });
    expect(cancelled.finishedAt).not.toBeNull();
    for (const name of ['pauseRecount', 'resumeRecount', 'cancelRecount'] as const)
      expect(mistakesIn(await mutateRun(send, name, { id }))).toEqual(['NOT_RUNNING input.id']);

    const undone = await finishRun(send, 'undoRecount', { id });
    expect(undone).toMatchObject({
      kind: 'UNDO',
      status: 'SUCCEEDED',
      undoneRun: { id },
      total: 2,
      checked: 2,
      repaired: 2,
    });
    expect(await changesOfRun(send, undone.id)).toEqual(courses.slice(0, 2).map(course => change(course, 3, 9)));
    const again = await mutateRun(send, 'undoRecount', { id });
    expect(again).toEqual({
      run: null,
      userErrors: [
        { code: 'IN_USE', field: ['input', 'id'], message: `Run ${id} was undone already, by run ${undone.id}.` },
      ],
    });
    expect(mistakesIn(await mutateRun(send, 'undoRecount', { id: undone.id }))).toEqual(['INVALID input.id']);

    expect(await finishRun(send, 'recountEnrollments', {})).toMatchObject({ status: 'SUCCEEDED', repaired: COURSES });
    await expectExactCounts(api.database);
  });

  it('a paused recount is resumed and finishes', async () => {
    await breakTotals(api.database, courses);
    const { id } = (await mutateRun(send, 'recountEnrollments', { throttle: 60_000 })).run;
    await mutateRun(send, 'pauseRecount', { id });
    await hurry(id);
    expect(await finishRun(send, 'resumeRecount', { id })).toMatchObject({
      status: 'SUCCEEDED',
      checked: COURSES,
      repaired: COURSES,
    });
    expect((await changesOfRun(send, id)).map(({ courseId }) => courseId)).toEqual(ids(courses));
  });

  it('a recount of a course that another run holds is rejected with IN_USE and names that run, and a dry run is not', async () => {
    await breakTotals(api.database, courses);
    const first = (
      await mutateRun(send, 'recountEnrollments', { courseIds: ids(courses.slice(0, 3)), throttle: 60_000 })
    ).run;
    await polled(send, first.id, ({ checked }) => checked === 1);
    for (const input of [{}, { courseIds: ids(courses.slice(2)) }]) {
      const { run, userErrors } = await mutateRun(send, 'recountEnrollments', input);
      expect([run, userErrors]).toEqual([
        null,
        [
          {
            code: 'IN_USE',
            field: null,
            message: expect.stringContaining(`Run ${first.id}, started by user ${admin}, is at work on 3 course(s)`),
          },
        ],
      ]);
    }
    expect(await finishRun(send, 'recountEnrollments', { dryRun: true })).toMatchObject({
      status: 'SUCCEEDED',
      drifted: COURSES - 1,
    });
    expect(await finishRun(send, 'recountEnrollments', { courseIds: ids(courses.slice(3)) })).toMatchObject({
      status: 'SUCCEEDED',
      repaired: 3,
    });
    expect((await readRun(send, first.id)).status).toBe('RUNNING');
  });

  it('a recount of missing courses is rejected with NOT_FOUND for each, by its index, and is not started', async () => {
    const { run, userErrors } = await mutateRun(send, 'recountEnrollments', {
      courseIds: [String(courses[0]), '999999', '888888'],
    });
    expect(run).toBeNull();
    expect(userErrors).toEqual([
      { code: 'NOT_FOUND', field: ['input', 'courseIds', '1'], message: 'Course 999999 does not exist.' },
      { code: 'NOT_FOUND', field: ['input', 'courseIds', '2'], message: 'Course 888888 does not exist.' },
    ]);
    expect((await send('{ recountRuns { totalCount } }')).data.recountRuns.totalCount).toBe(0);
  });

  it.each([
    [{ courseIds: [] }, ['INVALID input.courseIds']],
    [{ courseIds: Array.from({ length: 6000 }, (_, index) => String(index + 1)) }, ['INVALID input.courseIds']],
    [{ batchSize: 0, throttle: 60_001 }, ['INVALID input.batchSize', 'INVALID input.throttle']],
    [{ batchSize: 2_147_483_647, throttle: -1 }, ['INVALID input.batchSize', 'INVALID input.throttle']],
  ])('an invalid recount is rejected with INVALID (%#)', async (input, mistakes) => {
    const answer = await mutateRun(send, 'recountEnrollments', input);
    expect([answer.run, ...mistakesIn(answer)]).toEqual([null, ...mistakes]);
  });

  it('a recount accepts 5,000 courses, and reports the index of each missing one', async () => {
    const courseIds = Array.from({ length: 5000 }, (_, index) => String(1_000_000 + index));
    const { userErrors } = await mutateRun(send, 'recountEnrollments', { courseIds });
    expect(userErrors).toHaveLength(5000);
    expect(userErrors[4999]).toEqual({
      code: 'NOT_FOUND',
      field: ['input', 'courseIds', '4999'],
      message: 'Course 1004999 does not exist.',
    });
  });

  it('every action on a missing recount is rejected with NOT_FOUND, and reading it returns null', async () => {
    for (const name of ['pauseRecount', 'resumeRecount', 'cancelRecount', 'undoRecount'] as const) {
      expect(await mutateRun(send, name, { id: '424242' })).toEqual({
        run: null,
        userErrors: [{ code: 'NOT_FOUND', field: ['input', 'id'], message: 'Run 424242 does not exist.' }],
      });
    }
    expect(await readRun(send, '424242')).toBeNull();
  });

  it('a recount that fails is FAILED, says why, and can be resumed', async () => {
    await breakTotals(api.database, courses);
    await write(api.database, 'alter table core_recount_changes rename to hidden_changes');
    const { id } = await finishRun(send, 'recountEnrollments', {});
    await write(api.database, 'alter table hidden_changes rename to core_recount_changes');
    expect(await readRun(send, id)).toMatchObject({
      status: 'FAILED',
      interrupted: false,
      error: expect.stringContaining('core_recount_changes'),
      checked: 0,
    });
    expect(await finishRun(send, 'resumeRecount', { id })).toMatchObject({
      status: 'SUCCEEDED',
      error: null,
      repaired: COURSES,
    });
  });
});
