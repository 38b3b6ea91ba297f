import { beforeEach, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { verifyCounts, type CourseCount, type VerifyRequest } from '../../src/recounts/verify-counts.js';
import { describeOnEach, useDatabase } from '../support/databases.js';
import { addFullCourses, breakTotals, codesOf, operator, valueOf } from '../support/drift.js';
import { allRows } from '../support/rows.js';

describeOnEach('verifying the counts', kind => {
  const opened = useDatabase(kind);
  let courses: number[];

  beforeEach(async () => {
    courses = await addFullCourses(opened.database, 5);
  });

  async function verified(
    request: VerifyRequest = {},
  ): Promise<{ total: number; checked: number; counts: CourseCount[] }> {
    const { total, chunks } = valueOf(await verifyCounts(opened.database, operator, request));
    const all = await Array.fromAsync(chunks);
    return {
      total,
      checked: all.reduce((sum, { checked }) => sum + checked, 0),
      counts: all.flatMap(({ counts }) => counts),
    };
  }

  it('verifying the counts finds nothing where they are right', async () => {
    expect(await verified()).toEqual({ total: 5, checked: 5, counts: [] });
  });

  it('verifying the counts returns each count that drifts, with the title of its course, and changes nothing', async () => {
    await breakTotals(opened.database, [courses[1]!, courses[3]!]);
    const before = await allRows(opened.database);
    const drift = (index: number) => ({
      counter: 'Course.totalEnrollments',
      courseId: courses[index],
      title: `Course ${index}`,
      stored: 9,
      actual: 3,
      drift: 6,
    });
    for (const batchSize of [undefined, 1, 2])
      expect(await verified({ batchSize })).toEqual({ total: 5, checked: 5, counts: [drift(1), drift(3)] });
    expect(await allRows(opened.database)).toEqual(before);
  });

  it('verifying the counts returns every count when all are requested', async () => {
    const { counts } = await verified({ all: true });
    expect(counts).toEqual(
      courses.flatMap((courseId, index) => [
        { counter: 'Course.totalEnrollments', courseId, title: `Course ${index}`, stored: 3, actual: 3, drift: 0 },
        { counter: 'Course.activeEnrollments', courseId, title: `Course ${index}`, stored: 2, actual: 2, drift: 0 },
      ]),
    );
  });

  it('verifying some courses looks only at those, and names the missing ones', async () => {
    await breakTotals(opened.database, courses, 1);
    const outcome = await verifyCounts(opened.database, operator, { courseIds: [courses[4]!, 77_777, courses[0]!] });
    expect(outcome.problems).toEqual([
      { code: 'NOT_FOUND', field: ['input', 'courseIds', '1'], message: 'Course 77777 does not exist.' },
    ]);
    const { total, chunks } = outcome.value!;
    expect(total).toBe(2);
    expect(
      (await Array.fromAsync(chunks)).flatMap(({ counts }) => counts.map(({ courseId, drift }) => [courseId, drift])),
    ).toEqual([
      [courses[0], -2],
      [courses[4], -2],
    ]);
    expect(codesOf(await verifyCounts(opened.database, operator, { courseIds: [] }))).toEqual(['INVALID']);
  });

  it('verifying the counts ends after the current chunk when it is told to', async () => {
    const stop = new AbortController();
    const { chunks } = valueOf(await verifyCounts(opened.database, operator, { batchSize: 1, signal: stop.signal }));
    let seen = 0;
    for await (const { checked } of chunks) {
      seen += checked;
      if (seen === 2) stop.abort();
    }
    expect(seen).toBe(2);
  });

  it('only admins verify the counts', async () => {
    await expect(verifyCounts(opened.database, null)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(verifyCounts(opened.database, { userId: 1, role: Role.STUDENT })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  });
});
