import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { changeCount, changePage, runById, runCount, runPage, type Run } from '../../src/recounts/index.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { addFullCourses, breakTotals, operator, recountAll } from '../support/drift.js';

describeOnEach('runs', kind => {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  let courses: number[];
  let runs: Run[];

  beforeAll(async () => {
    opened = await freshDatabase(kind);
    courses = await addFullCourses(opened.database, 4);
    await breakTotals(opened.database, courses);
    runs = [
      await recountAll(opened.database, { dryRun: true, throttle: 1, batchSize: 2 }),
      await recountAll(opened.database, { courseIds: courses.slice(0, 3) }),
      await recountAll(opened.database),
    ];
  });
  afterAll(() => opened.drop());

  const first = (size: number, after: { id: number } | null = null) => ({
    size,
    backward: false,
    after: after && { value: after.id, id: after.id },
    before: null,
  });

  it('runs are listed newest first, page by page', async () => {
    const one = await runPage(opened.database, operator, first(2));
    expect(one).toEqual({ rows: [runs[2], runs[1]], hasNextPage: true, hasPreviousPage: false });
    const two = await runPage(opened.database, operator, first(2, one.rows.at(-1)));
    expect(two).toEqual({ rows: [runs[0]], hasNextPage: false, hasPreviousPage: true });
    expect(await runCount(opened.database, operator)).toBe(3);
  });

  it('runs are found by id', async () => {
    expect(await runById(opened.database, operator, runs[0]!)).toMatchObject({
      id: runs[0]!.id,
      dryRun: true,
      throttle: 1,
      batchSize: 2,
      courseIds: null,
    });
    expect(await runById(opened.database, operator, { id: 1_000_000 })).toBeNull();
  });

  it('runs list their changes in order, page by page', async () => {
    const { id } = runs[1]!;
    const one = await changePage(opened.database, operator, id, first(2));
    expect([one.rows.map(({ courseId }) => courseId), one.hasNextPage]).toEqual([courses.slice(0, 2), true]);
    const two = await changePage(opened.database, operator, id, first(2, one.rows.at(-1)));
    expect(two).toMatchObject({
      rows: [{ counter: 'Course.totalEnrollments', courseId: courses[2], before: 9, after: 3 }],
      hasNextPage: false,
    });
    expect(await Promise.all(runs.map(run => changeCount(opened.database, operator, run.id)))).toEqual([4, 3, 1]);
  });

  it('only admins see runs', async () => {
    for (const viewer of [null, { userId: 1, role: Role.TEACHER }]) {
      const code = viewer ? 'FORBIDDEN' : 'UNAUTHENTICATED';
      for (const read of [
        runById(opened.database, viewer, { id: 1 }),
        runPage(opened.database, viewer, first(1)),
        runCount(opened.database, viewer),
        changePage(opened.database, viewer, 1, first(1)),
        changeCount(opened.database, viewer, 1),
      ]) {
        await expect(read).rejects.toMatchObject({ code });
      }
    }
  });
});
