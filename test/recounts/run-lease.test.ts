import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { RunStatus } from '../../src/entities/index.js';
import { cancelRun, pauseRun, resumeRun, startRecount, startUndo, workOn } from '../../src/recounts/index.js';
import { LEASE_SECONDS } from '../../src/recounts/lease.js';
import { waitUntil } from '../support/wait.js';
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
  write,
} from '../support/drift.js';
import { expectExactCounts } from '../support/rows.js';

describeOnEach('the lease of a run', kind => {
  const opened = useDatabase(kind);
  let elsewhere: Database;
  let courses: number[];

  beforeEach(async () => {
    // The test's clock controls renewals; all other timers, such as the rest between chunks, use the real one.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    elsewhere = await openDatabase(opened.url);
    courses = await addFullCourses(opened.database, 5);
    await breakTotals(opened.database, courses);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.useRealTimers();
    await elsewhere.close(true);
  });

  const untilRenewal = (): void => void vi.advanceTimersByTime((LEASE_SECONDS * 1000) / 3);
  /** Makes the lease of a run expire. */
  const lapse = (id: number): Promise<void> =>
    write(
      opened.database,
      `update core_recount_runs set lease_expires_at = ${kind === 'sqlite' ? '0' : "'2001-01-01'"} where id = ${id}`,
    );

  /** Starts a run, does its first repair and leaves it as a killed process does. */
  async function interrupted(): Promise<number> {
    const stop = new AbortController();
    const { id } = await recountAll(opened.database, {}, { signal: stop.signal, onChange: () => stop.abort() });
    await write(opened.database, `update core_recount_runs set status = 'running' where id = ${id}`);
    await lapse(id);
    return id;
  }

  it('the lease of a run that expires shows the run as interrupted: FAILED, with the remedy', async () => {
    const claimed = valueOf(await startRecount(opened.database, operator));
    expect(await readRun(elsewhere, claimed.id)).toMatchObject({
      status: RunStatus.RUNNING,
      interrupted: false,
      error: null,
      owner: claimed.owner,
    });
    await lapse(claimed.id);
    const run = await readRun(elsewhere, claimed.id);
    expect(run).toMatchObject({ status: RunStatus.FAILED, interrupted: true });
    expect(run.error).toBe(
      `The process that worked on it, ${claimed.owner}, has not reported since ${run.updatedAt.toISOString()}. Resume run ${run.id} to continue where it stopped.`,
    );
  });

  it('any process can resume an interrupted run from where it was', async () => {
    const id = await interrupted();
    expect(await continueRun(elsewhere, id)).toMatchObject({
      status: RunStatus.SUCCEEDED,
      interrupted: false,
      error: null,
      checked: 5,
      repaired: 5,
    });
    expect((await changesOf(opened.database, { id })).map(({ courseId }) => courseId)).toEqual(courses);
    await expectExactCounts(opened.database);
  });

  it('the lease of an interrupted run does not keep others from starting a run, and then the interrupted one waits for that', async () => {
    const id = await interrupted();
    const other = valueOf(await startRecount(elsewhere, operator));
    expect(codesOf(await resumeRun(opened.database, operator, { id }))).toEqual(['IN_USE']);
    expect(await workOn(elsewhere, other)).toMatchObject({ repaired: 4 });
    expect(await continueRun(opened.database, id)).toMatchObject({
      status: RunStatus.SUCCEEDED,
      repaired: 1,
      checked: 5,
    });
  });

  it('an interrupted run can be cancelled, and then undone', async () => {
    const id = await interrupted();
    expect(codesOf(await startUndo(opened.database, operator, { id }))).toEqual(['IN_USE']);
    valueOf(await cancelRun(opened.database, operator, { id }));
    expect(await workOn(opened.database, valueOf(await startUndo(opened.database, operator, { id })))).toMatchObject({
      repaired: 1,
    });
  });

  it('a run that another process has taken over ends in the first process, which changes nothing more', async () => {
    const claimed = valueOf(await startRecount(opened.database, operator, { throttle: 60_000 }));
    let taken: Promise<unknown> | undefined;
    const run = await workOn(opened.database, claimed, {
      onChange: () => {
        taken = write(
          elsewhere,
          `update core_recount_runs set owner = 'another process', throttle = 0 where id = ${claimed.id}`,
        ).then(untilRenewal);
      },
    });
    await taken;
    expect(run).toMatchObject({ status: RunStatus.RUNNING, owner: 'another process' });
    const second = { ...claimed, owner: run.owner };
    expect(await workOn(elsewhere, second)).toMatchObject({ status: RunStatus.SUCCEEDED, repaired: 5 });
    expect((await changesOf(opened.database, claimed)).map(({ courseId }) => courseId)).toEqual(courses);
  });

  it('the lease of a run is renewed while the work rests, and the work ends at the renewal that finds the run paused', async () => {
    // A duration that no other timer has, so that the timers of its renewals can be counted.
    const lease = LEASE_SECONDS + 3;
    const interval = (lease * 1000) / 3;
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const set = (): number => timers.mock.calls.filter(([, milliseconds]) => milliseconds === interval).length;
    const claimed = valueOf(await startRecount(opened.database, operator, { throttle: 60_000 }));
    const working = workOn(opened.database, claimed, { lease });
    await waitUntil(async () => (await readRun(elsewhere, claimed.id)).checked === 1, 'Nothing is counted.');
    for (let renewal = 0; renewal < 3; renewal += 1) {
      await lapse(claimed.id);
      // A renewal is seen here before the worker knows about it and sets its timer for the next one.
      await waitUntil(() => set() === renewal + 1, 'No timer is set.');
      vi.advanceTimersByTime(interval);
      await waitUntil(async () => !(await readRun(elsewhere, claimed.id)).interrupted, 'The lease is not renewed.');
    }
    expect(await readRun(elsewhere, claimed.id)).toMatchObject({
      status: RunStatus.RUNNING,
      interrupted: false,
      checked: 1,
    });
    await pauseRun(elsewhere, operator, claimed);
    await waitUntil(() => set() === 4, 'No timer is set.');
    vi.advanceTimersByTime(interval);
    expect(await working).toMatchObject({ status: RunStatus.PAUSED, checked: 1 });
  });
});
