import type { SqlEntityManager } from '@mikro-orm/sql';
import { beforeEach, expect, it } from 'vitest';
import { Role, RunKind, RunStatus } from '../../src/entities/index.js';
import { startRecount, type CourseChange, type Run, type RunProgress } from '../../src/recounts/index.js';
import { describeOnEach, freshDatabase, useDatabase } from '../support/databases.js';
import {
  addFullCourses,
  breakTotals,
  changesOf,
  codesOf,
  operator,
  recountAll,
  readRun,
  write,
} from '../support/drift.js';
import { addUsers, allRows, expectExactCounts } from '../support/rows.js';
import { numberKey } from '../support/keys.js';

const total = 'Course.totalEnrollments';
const active = 'Course.activeEnrollments';

describeOnEach('a recount', kind => {
  const opened = useDatabase(kind);
  let courses: number[];

  beforeEach(async () => {
    courses = await addFullCourses(opened.database, 7);
  });

  it('a recount repairs drift, records each change, and reports it', async () => {
    const { database } = opened;
    await breakTotals(database, [courses[1]!, courses[4]!]);
    await write(database, `update core_course set active_enrollments = 0 where id = ${courses[4]}`);
    const told: (CourseChange & { title: string | null })[] = [];
    const progress: RunProgress[] = [];
    const run = await recountAll(
      database,
      {},
      { onChange: change => told.push(change), onProgress: one => progress.push(one) },
    );
    const changes = [
      { counter: total, courseId: courses[1], before: 9, after: 3 },
      { counter: total, courseId: courses[4], before: 9, after: 3 },
      { counter: active, courseId: courses[4], before: 0, after: 2 },
    ];
    expect(run).toMatchObject({
      kind: RunKind.RECOUNT,
      status: RunStatus.SUCCEEDED,
      interrupted: false,
      dryRun: false,
      startedBy: 'admin',
      courseIds: null,
      total: 7,
      checked: 7,
      drifted: 2,
      repaired: 2,
      error: null,
    });
    expect(run.finishedAt!.valueOf()).toBeGreaterThanOrEqual(run.startedAt.valueOf());
    expect(await changesOf(database, run)).toEqual(changes);
    expect(told).toEqual(
      changes.map(change => ({ ...change, title: change.courseId === courses[1] ? 'Course 1' : 'Course 4' })),
    );
    expect(progress.at(-1)).toEqual({ id: run.id, total: 7, checked: 7, drifted: 2, repaired: 2 });
    await expectExactCounts(database);
  });

  it('a recount of right counts changes nothing', async () => {
    const before = await allRows(opened.database);
    const run = await recountAll(opened.database);
    expect(run).toMatchObject({ status: RunStatus.SUCCEEDED, total: 7, checked: 7, drifted: 0, repaired: 0 });
    expect(await changesOf(opened.database, run)).toEqual([]);
    expect(await allRows(opened.database)).toEqual(before);
  });

  it('a recount of an empty database succeeds', async () => {
    const empty = await freshDatabase(kind);
    expect(await recountAll(empty.database)).toMatchObject({ status: RunStatus.SUCCEEDED, total: 0, checked: 0 });
    await empty.drop();
  });

  it('a recount of some courses leaves the others alone', async () => {
    await breakTotals(opened.database, courses);
    const run = await recountAll(opened.database, { courseIds: [courses[5]!, courses[2]!, courses[5]!], batchSize: 1 });
    expect(run).toMatchObject({
      courseIds: [courses[2], courses[5]],
      batchSize: 1,
      total: 2,
      checked: 2,
      drifted: 2,
      repaired: 2,
    });
    expect((await changesOf(opened.database, run)).map(({ courseId }) => courseId)).toEqual([courses[2], courses[5]]);
  });

  it.each([1, 2, 3, 100])('a recount in chunks of %i has the same result', async batchSize => {
    await breakTotals(opened.database, [courses[0]!, courses[2]!, courses[3]!, courses[6]!]);
    expect(await recountAll(opened.database, { batchSize })).toMatchObject({ checked: 7, drifted: 4, repaired: 4 });
    await expectExactCounts(opened.database);
  });

  it('a dry recount reports what it would change and changes nothing', async () => {
    await breakTotals(opened.database, [courses[0]!, courses[3]!]);
    const before = await allRows(opened.database);
    const told: number[] = [];
    const run = await recountAll(
      opened.database,
      { dryRun: true },
      { onChange: ({ courseId }) => told.push(numberKey(courseId)) },
    );
    expect(run).toMatchObject({ status: RunStatus.SUCCEEDED, dryRun: true, checked: 7, drifted: 2, repaired: 0 });
    expect(await changesOf(opened.database, run)).toEqual(
      [courses[0], courses[3]].map(courseId => ({ counter: total, courseId, before: 9, after: 3 })),
    );
    expect(told).toEqual([courses[0], courses[3]]);
    expect(await allRows(opened.database)).toEqual(before);
  });

  /**
   * Recounts, and lets `between` happen once the courses are verified and the first is repaired, before the second is
   * locked.
   */
  async function recountWith(between: (em: SqlEntityManager) => Promise<void>): Promise<Run> {
    const { database } = opened;
    const begun = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    // SQLite has one connection, which is used in turn: in the pause after the first repair this transaction has it.
    if (kind === 'sqlite') held.resolve();
    const waiting = kind === 'sqlite' ? begun.promise : Promise.resolve();
    const meanwhile = waiting.then(() =>
      database.em.fork().transactional(async em => {
        if (kind !== 'sqlite') await em.execute('select id from core_course where id = ? for update', [courses[1]!]);
        held.resolve();
        await begun.promise;
        await between(em);
      }),
    );
    await held.promise;
    const run = await recountAll(database, { throttle: 1 }, { onChange: () => begun.resolve() });
    await meanwhile;
    return run;
  }

  it('a recount records no change for a count that has become right between the verification and the lock', async () => {
    await breakTotals(opened.database, courses.slice(0, 2));
    const run = await recountWith(
      async em => void (await em.execute('update core_course set total_enrollments = 3 where id = ?', [courses[1]!])),
    );
    expect(run).toMatchObject({ status: RunStatus.SUCCEEDED, checked: 7, drifted: 1, repaired: 1 });
    expect((await changesOf(opened.database, run)).map(({ courseId }) => courseId)).toEqual([courses[0]]);
  });

  it('a recount skips a course that is deleted between the verification and the lock', async () => {
    await breakTotals(opened.database, courses.slice(0, 2));
    const run = await recountWith(async em => {
      await em.execute('delete from core_enrollments where course_id = ?', [courses[1]!]);
      await em.execute('delete from core_course where id = ?', [courses[1]!]);
    });
    expect(run).toMatchObject({ status: RunStatus.SUCCEEDED, drifted: 1, repaired: 1 });
    await expectExactCounts(opened.database);
  });

  it('a recount records its caller', async () => {
    const [admin] = await addUsers(opened.database, Role.ADMIN, 1);
    const byUser = await startRecount(opened.database, { userId: admin!, role: Role.ADMIN }, { dryRun: true });
    const byName = await startRecount(opened.database, operator, { dryRun: true, startedBy: 'schedule' });
    expect(
      [await readRun(opened.database, byUser.value!.id), await readRun(opened.database, byName.value!.id)].map(
        ({ startedBy }) => startedBy,
      ),
    ).toEqual([`user ${admin}`, 'schedule']);
  });

  it('only admins recount', async () => {
    await expect(startRecount(opened.database, null)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(
      startRecount(opened.database, { userId: 1, role: Role.TEACHER }, { startedBy: 'me' }),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('a recount of missing courses is rejected with NOT_FOUND for each, by its index, and starts nothing', async () => {
    const outcome = await startRecount(opened.database, operator, {
      courseIds: [courses[0]!, 999_999, courses[1]!, -1],
    });
    expect(outcome.value).toBeNull();
    expect(outcome.problems).toEqual([
      { code: 'NOT_FOUND', field: ['input', 'courseIds', '1'], message: 'Course 999999 does not exist.' },
      { code: 'NOT_FOUND', field: ['input', 'courseIds', '3'], message: 'Course -1 does not exist.' },
    ]);
    expect(await opened.database.em.getConnection().execute('select id from core_recount_runs')).toEqual([]);
  });

  it.each([
    [{ courseIds: [] }, 'The list names no course. Name some, or leave it out for all courses.'],
    [
      { courseIds: Array.from({ length: 5001 }, (_, index) => index) },
      'The list names 5001 courses; at most 5000 fit. Leave it out for all courses.',
    ],
    [{ batchSize: 0 }, 'The batchSize 0 is not a whole number from 1 to 10000.'],
    [{ batchSize: 1.5 }, 'The batchSize 1.5 is not a whole number from 1 to 10000.'],
    [{ throttle: -1 }, 'The throttle -1 is not a whole number from 0 to 60000.'],
  ])('an invalid recount is rejected with INVALID (%#)', async (request, message) => {
    const outcome = await startRecount(opened.database, operator, request);
    expect(codesOf(outcome)).toEqual(['INVALID']);
    expect(outcome.problems[0]!.message).toBe(message);
  });
});
