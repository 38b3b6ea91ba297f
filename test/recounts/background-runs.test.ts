import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { RunStatus } from '../../src/entities/index.js';
import { BackgroundRuns, startRecount, type RecountRequest } from '../../src/recounts/index.js';
import { describeOnEach, describeOnServers, freshDatabase } from '../support/databases.js';
import {
  addFullCourses,
  breakTotals,
  changesOf,
  codesOf,
  continueRun,
  operator,
  readRun,
  valueOf,
  write,
} from '../support/drift.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { expectExactCounts } from '../support/rows.js';

const COURSES = 5;

describeOnEach('runs in the background of a process', kind => {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  let failures: [number, unknown][];
  let runs: BackgroundRuns;

  beforeEach(async () => {
    opened = await freshDatabase(kind);
    await breakTotals(opened.database, await addFullCourses(opened.database, COURSES));
    failures = [];
    runs = new BackgroundRuns(opened.database, (...failure) => failures.push(failure));
  });
  afterEach(() => opened.drop());

  const recount = (request: RecountRequest = {}) => startRecount(opened.database, operator, request);

  it('short runs in the background are finished when their caller is answered', async () => {
    expect(valueOf(await runs.start(() => recount()))).toMatchObject({
      status: RunStatus.SUCCEEDED,
      repaired: COURSES,
    });
    await expectExactCounts(opened.database);
  });

  it('long runs go on after the answer, and stopping pauses them, so that any process can resume them at once', async () => {
    const run = valueOf(await runs.start(() => recount({ throttle: 60_000 })));
    expect(run.status).toBe(RunStatus.RUNNING);
    while ((await readRun(opened.database, run.id)).checked < 1) await delay(20);
    expect(await runs.stop(60)).toEqual([run.id]);
    expect(await readRun(opened.database, run.id)).toMatchObject({
      status: RunStatus.PAUSED,
      checked: 1,
      interrupted: false,
    });
    await write(opened.database, `update core_recount_runs set throttle = 0 where id = ${run.id}`);
    const elsewhere = await openDatabase(opened.url);
    expect(await continueRun(elsewhere, run.id)).toMatchObject({
      status: RunStatus.SUCCEEDED,
      checked: COURSES,
      repaired: COURSES,
    });
    await elsewhere.close(true);
  });

  it('a caller can wait until a run finishes, however long that takes', async () => {
    expect(valueOf(await runs.complete(() => recount({ throttle: 600 })))).toMatchObject({
      status: RunStatus.SUCCEEDED,
      checked: COURSES,
    });
  });

  it('runs that are started while the process stops are recorded and paused', async () => {
    const claim = Promise.withResolvers<void>();
    const starting = runs.start(() => claim.promise.then(() => recount()));
    const stopped = runs.stop(60);
    claim.resolve();
    const run = valueOf(await starting);
    expect(run).toMatchObject({ status: RunStatus.PAUSED, checked: 0 });
    expect(await stopped).toEqual([run.id]);
    const late = valueOf(await runs.start(() => recount({ dryRun: true })));
    expect(late.status).toBe(RunStatus.PAUSED);
    expect(await runs.stop(60)).toEqual([run.id, late.id]);
  });

  it('runs that cannot be claimed return the reason and nothing to wait for', async () => {
    const refused = await runs.start(() => recount({ courseIds: [] }));
    expect([refused.value, ...codesOf(refused)]).toEqual([null, 'INVALID']);
    await expect(runs.start(() => startRecount(opened.database, null))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    expect(await runs.stop(60)).toEqual([]);
  });

  it('runs that fail are FAILED in the answer, and the error is reported', async () => {
    await write(opened.database, 'alter table core_recount_changes rename to hidden_changes');
    const run = valueOf(await runs.complete(() => recount()));
    expect(run).toMatchObject({ status: RunStatus.FAILED, error: expect.stringContaining('core_recount_changes') });
    expect(failures).toEqual([
      [run.id, expect.objectContaining({ message: expect.stringContaining('core_recount_changes') })],
    ]);
    await write(opened.database, 'alter table hidden_changes rename to core_recount_changes');
  });
});

describeOnServers('a run that waits for a lock when its process stops', kind => {
  it('a run that waits for a lock when its process stops is paused nevertheless, and its work changes nothing once it has the lock', async () => {
    const opened = await freshDatabase(kind);
    const elsewhere: Database = await openDatabase(opened.url);
    const courses = await addFullCourses(opened.database, COURSES);
    await breakTotals(opened.database, courses);
    const runs = new BackgroundRuns(opened.database, () => undefined);
    const holder = elsewhere.em.fork();
    await holder.begin();
    await holder.execute('select id from core_course where id = ? for update', [courses[1]!]);
    const started = runs.start(() => startRecount(opened.database, operator));
    await untilLockWaits(elsewhere);
    const [id] = (await runs.stop(4)) as [number];
    expect(await readRun(elsewhere, id)).toMatchObject({ status: RunStatus.PAUSED, checked: 1 });
    await holder.rollback();
    await started;
    await runs.stop(60);
    expect(await changesOf(elsewhere, { id })).toHaveLength(1);
    expect(await continueRun(elsewhere, id)).toMatchObject({ status: RunStatus.SUCCEEDED, repaired: COURSES });
    await elsewhere.close(true);
    await opened.drop();
  });
});
