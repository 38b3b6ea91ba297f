import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { RunStatus } from '../../src/entities/index.js';
import { pauseRun, resumeRun, startRecount, startUndo, workOn } from '../../src/recounts/index.js';
import { describeOnEach, useDatabase } from '../support/databases.js';
import {
  addFullCourses,
  breakTotals,
  changesOf,
  codesOf,
  operator,
  recountAll,
  readRun,
  valueOf,
} from '../support/drift.js';
import { expectExactCounts } from '../support/rows.js';

describeOnEach('simultaneous runs', kind => {
  const opened = useDatabase(kind);
  let databases: Database[];
  let courses: number[];

  beforeEach(async () => {
    databases = [opened.database, await openDatabase(opened.url), await openDatabase(opened.url)];
    courses = await addFullCourses(opened.database, 6);
  });
  afterEach(async () => {
    for (const database of databases.slice(1)) await database.close(true);
  });

  it('a second recount of the same courses is rejected, and its caller is told about the first', async () => {
    const first = valueOf(await startRecount(opened.database, operator, { courseIds: courses.slice(0, 3) }));
    for (const courseIds of [undefined, courses.slice(2), [courses[0]!]]) {
      const second = await startRecount(databases[1]!, operator, { courseIds });
      expect([second.value, ...codesOf(second)]).toEqual([null, 'IN_USE']);
      expect(second.problems[0]!.message).toBe(
        `Run ${first.id}, started by admin, is at work on 3 course(s), some of them the same (0 of 3 checked). Wait until it has finished, or cancel it first.`,
      );
    }
    await workOn(opened.database, first);
    expect((await recountAll(databases[1]!)).status).toBe(RunStatus.SUCCEEDED);
  });

  it('a recount of other courses, and a dry run, do not disturb a recount', async () => {
    const [all, rest] = [courses.slice(0, 3), courses.slice(3)];
    const one = valueOf(await startRecount(opened.database, operator, { courseIds: all }));
    const two = valueOf(await startRecount(databases[1]!, operator, { courseIds: rest }));
    const dry = valueOf(await startRecount(databases[2]!, operator, { dryRun: true }));
    await breakTotals(opened.database, courses);
    const runs = await Promise.all([
      workOn(opened.database, one),
      workOn(databases[1]!, two),
      workOn(databases[2]!, dry),
    ]);
    expect(runs.map(({ status, repaired }) => [status, repaired])).toEqual([
      [RunStatus.SUCCEEDED, 3],
      [RunStatus.SUCCEEDED, 3],
      [RunStatus.SUCCEEDED, 0],
    ]);
    await expectExactCounts(opened.database);
  });

  it('exactly one of many runs that start at the same moment starts', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        startRecount(databases[index % 3]!, operator, { courseIds: index % 2 ? courses : undefined }),
      ),
    );
    const started = outcomes.flatMap(({ value }) => value ?? []);
    expect(started).toHaveLength(1);
    const refused = outcomes.filter(({ value }) => !value);
    expect(refused.flatMap(codesOf)).toEqual(refused.map(() => 'IN_USE'));
    expect(refused.every(({ problems }) => problems[0]!.message.startsWith(`Run ${started[0]!.id}, `))).toBe(true);
    expect(await opened.database.em.getConnection().execute('select id from core_recount_runs')).toHaveLength(1);
  });

  it('exactly one of many runs that start for the same moment of a schedule starts', async () => {
    const slot = 'verify 2026-11-22T03:00Z';
    const outcomes = await Promise.all(
      Array.from({ length: 9 }, (_, index) =>
        startRecount(databases[index % 3]!, operator, { dryRun: true, startedBy: 'schedule', slot }),
      ),
    );
    expect(outcomes.flatMap(({ value }) => value ?? [])).toHaveLength(1);
    expect(outcomes.flatMap(({ problems }) => problems)).toEqual(
      Array.from({ length: 8 }, () => ({
        code: 'IN_USE',
        field: null,
        message: `A run for ${slot} has been started already.`,
      })),
    );
  });

  it('the next run of a schedule waits for no slot while the last is still working, and takes the one after it', async () => {
    const at = (slot: string) => startRecount(databases[1]!, operator, { dryRun: true, startedBy: 'schedule', slot });
    const first = valueOf(
      await startRecount(opened.database, operator, { dryRun: true, startedBy: 'schedule', slot: 'one' }),
    );
    const refused = await at('two');
    expect(codesOf(refused)).toEqual(['IN_USE']);
    expect(refused.problems[0]!.message).toBe(
      `Run ${first.id}, started by schedule, is at work on all courses (0 of 6 checked). It was started for one, and has not finished.`,
    );
    expect((await startRecount(opened.database, operator, { dryRun: true })).value).not.toBeNull();
    await workOn(opened.database, first);
    expect(valueOf(await at('three'))).toBeTruthy();
  });

  it('exactly one of many callers that resume the same run resumes it', async () => {
    const { id } = valueOf(await startRecount(opened.database, operator));
    await pauseRun(opened.database, operator, { id });
    const outcomes = await Promise.all(
      Array.from({ length: 9 }, (_, index) => resumeRun(databases[index % 3]!, operator, { id })),
    );
    const won = outcomes.flatMap(({ value }) => value ?? []);
    expect(won).toHaveLength(1);
    expect(outcomes.filter(({ value }) => !value).flatMap(codesOf)).toEqual(Array.from({ length: 8 }, () => 'IN_USE'));
    expect((await readRun(opened.database, id)).owner).toBe(won[0]!.owner);
  });

  it('a paused run cannot go on while another run holds its courses', async () => {
    const paused = valueOf(await startRecount(opened.database, operator, { courseIds: [courses[0]!] }));
    await pauseRun(opened.database, operator, paused);
    const other = valueOf(await startRecount(databases[1]!, operator));
    const outcome = await resumeRun(opened.database, operator, paused);
    expect(codesOf(outcome)).toEqual(['IN_USE']);
    expect(outcome.problems[0]!.message).toContain(`Run ${other.id}, `);
    expect((await readRun(opened.database, paused.id)).status).toBe(RunStatus.PAUSED);
    await workOn(databases[1]!, other);
    expect((await resumeRun(opened.database, operator, paused)).value).not.toBeNull();
  });

  it('exactly one of many callers that undo the same run undoes it', async () => {
    await breakTotals(opened.database, courses);
    const run = await recountAll(opened.database);
    const outcomes = await Promise.all(
      Array.from({ length: 9 }, (_, index) => startUndo(databases[index % 3]!, operator, { id: run.id })),
    );
    const [won] = outcomes.flatMap(({ value }) => value ?? []);
    expect(outcomes.flatMap(codesOf)).toEqual(Array.from({ length: 8 }, () => 'IN_USE'));
    expect(await workOn(opened.database, won!)).toMatchObject({ status: RunStatus.SUCCEEDED, repaired: 6 });
    expect((await changesOf(opened.database, won!)).map(({ before, after }) => [before, after])).toEqual(
      courses.map(() => [3, 9]),
    );
  });
});
