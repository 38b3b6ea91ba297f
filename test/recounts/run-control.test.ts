import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { Role, RunStatus } from '../../src/entities/index.js';
import type { Outcome } from '../../src/use-cases/outcome.js';
import { cancelRun, pauseRun, resumeRun, startRecount, workOn, type Run } from '../../src/recounts/index.js';
import { describeOnEach, useDatabase } from '../support/databases.js';
import {
  addFullCourses,
  breakTotals,
  changesOf,
  codesOf,
  continueRun,
  operator,
  recountAll,
  readRun,
  valueOf,
} from '../support/drift.js';
import { expectExactCounts } from '../support/rows.js';

const COURSES = 60;

describeOnEach('a run', kind => {
  const opened = useDatabase(kind);
  /** Another connection to the same database, as another process has. */
  let elsewhere: Database;
  let courses: number[];

  beforeEach(async () => {
    elsewhere = await openDatabase(opened.url);
    courses = await addFullCourses(opened.database, COURSES);
    await breakTotals(opened.database, courses);
  });
  afterEach(async () => {
    await elsewhere.close(true);
  });

  /**
   * Works on a run of all courses, and after its third repair calls `control` elsewhere; returns the finished run, and
   * the number of changes at the answer.
   */
  async function controlled(
    control: (id: number) => Promise<Outcome<{ id: number }>>,
  ): Promise<{ run: Run; changes: number }> {
    const claimed = valueOf(await startRecount(opened.database, operator, { throttle: 20 }));
    let repairs = 0;
    let answered: Promise<number> | undefined;
    const run = await workOn(opened.database, claimed, {
      onChange: () => {
        if (++repairs === 3)
          answered = control(claimed.id).then(
            async outcome => (valueOf(outcome), (await changesOf(elsewhere, claimed)).length),
          );
      },
    });
    return { run, changes: await answered! };
  }

  it('a run that is paused elsewhere changes nothing more after the answer, and changes the rest when it is resumed', async () => {
    const { run, changes } = await controlled(id => pauseRun(elsewhere, operator, { id }));
    expect(run.status).toBe(RunStatus.PAUSED);
    expect(await changesOf(opened.database, run)).toHaveLength(changes);
    expect([run.repaired, run.checked]).toEqual([changes, changes]);
    expect(changes).toBeLessThan(COURSES);
    expect(await continueRun(elsewhere, run.id)).toMatchObject({
      status: RunStatus.SUCCEEDED,
      checked: COURSES,
      drifted: COURSES,
      repaired: COURSES,
    });
    expect((await changesOf(opened.database, run)).map(({ courseId }) => courseId)).toEqual(courses);
    await expectExactCounts(opened.database);
  });

  it('a run that is cancelled elsewhere changes nothing more after the answer, and cannot be resumed', async () => {
    const { run, changes } = await controlled(id => cancelRun(elsewhere, operator, { id }));
    expect(run).toMatchObject({ status: RunStatus.CANCELLED, repaired: changes });
    expect(run.finishedAt).not.toBeNull();
    expect(await changesOf(opened.database, run)).toHaveLength(changes);
    expect(codesOf(await resumeRun(opened.database, operator, { id: run.id }))).toEqual(['NOT_RUNNING']);
  });

  it('a run that is told to stop by its signal is paused after the current repair, with its cursor saved', async () => {
    const stop = new AbortController();
    // The first repair is one of one course.
    const run = await recountAll(opened.database, {}, { signal: stop.signal, onChange: () => stop.abort() });
    expect(run).toMatchObject({ status: RunStatus.PAUSED, finishedAt: null, checked: 1, repaired: 1 });
    const again = new AbortController();
    again.abort();
    expect(await continueRun(opened.database, run.id, { signal: again.signal })).toMatchObject({
      status: RunStatus.PAUSED,
      checked: 1,
    });
    expect(await continueRun(opened.database, run.id)).toMatchObject({
      status: RunStatus.SUCCEEDED,
      checked: COURSES,
      repaired: COURSES,
    });
    expect((await changesOf(opened.database, run)).map(({ courseId }) => courseId)).toEqual(courses);
  });

  it('a run that is told to stop while it rests stops at once', async () => {
    const stop = new AbortController();
    const run = await recountAll(
      opened.database,
      { throttle: 60_000 },
      { signal: stop.signal, onProgress: () => stop.abort() },
    );
    expect(run).toMatchObject({ status: RunStatus.PAUSED, checked: 1 });
  });

  it('a run of some courses goes on through its own list', async () => {
    const stop = new AbortController();
    const courseIds = [courses[50]!, courses[3]!, courses[20]!];
    const run = await recountAll(opened.database, { courseIds }, { signal: stop.signal, onChange: () => stop.abort() });
    await continueRun(opened.database, run.id);
    expect((await changesOf(opened.database, run)).map(({ courseId }) => courseId)).toEqual([
      courses[3],
      courses[20],
      courses[50],
    ]);
  });

  it('a run that is dry reports each course once, however often it is paused', async () => {
    const stop = new AbortController();
    const run = await recountAll(
      opened.database,
      { dryRun: true },
      { signal: stop.signal, onChange: () => stop.abort() },
    );
    expect(await continueRun(opened.database, run.id)).toMatchObject({ drifted: COURSES, repaired: 0 });
    expect((await changesOf(opened.database, run)).map(({ courseId }) => courseId)).toEqual(courses);
  });

  it('a finished run cannot be paused, cancelled or resumed, and neither can a missing one', async () => {
    const { id } = await recountAll(opened.database);
    for (const control of [pauseRun, cancelRun, resumeRun]) {
      const over = await control(opened.database, operator, { id });
      expect([over.value, ...codesOf(over)]).toEqual([null, 'NOT_RUNNING']);
      expect(over.problems[0]!.message).toContain(`Run ${id}`);
      expect(over.problems[0]!.message).toContain('SUCCEEDED');
      expect((await control(opened.database, operator, { id: id + 1 })).problems).toEqual([
        { code: 'NOT_FOUND', field: ['input', 'id'], message: `Run ${id + 1} does not exist.` },
      ]);
    }
  });

  it('a run that is paused can be cancelled, but not paused again', async () => {
    const { id } = valueOf(await startRecount(opened.database, operator));
    expect(await pauseRun(opened.database, operator, { id })).toEqual({ value: { id }, problems: [] });
    expect(codesOf(await pauseRun(opened.database, operator, { id }))).toEqual(['NOT_RUNNING']);
    expect(await cancelRun(opened.database, operator, { id })).toEqual({ value: { id }, problems: [] });
    expect((await readRun(opened.database, id)).status).toBe(RunStatus.CANCELLED);
  });

  it('only admins control runs', async () => {
    const { id } = valueOf(await startRecount(opened.database, operator));
    for (const control of [pauseRun, cancelRun, resumeRun]) {
      await expect(
        (async () => control(opened.database, { userId: 1, role: Role.STUDENT }, { id }))(),
      ).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }
  });

  it('a run is not worked on by a process that does not hold it', async () => {
    const claimed = valueOf(await startRecount(opened.database, operator));
    const run = await workOn(opened.database, { ...claimed, owner: 'somebody else' });
    expect(run).toMatchObject({ status: RunStatus.RUNNING, owner: claimed.owner, checked: 0 });
    expect(await workOn(opened.database, claimed)).toMatchObject({ status: RunStatus.SUCCEEDED });
    expect(await workOn(opened.database, claimed)).toMatchObject({ status: RunStatus.SUCCEEDED, checked: COURSES });
  });
});
