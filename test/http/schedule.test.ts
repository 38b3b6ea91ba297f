import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { openDatabase, type Database } from '../../src/database/database.js';
import { RunKind, RunStatus } from '../../src/entities/index.js';
import { Schedule } from '../../src/http/background/schedule.js';
import { startServer } from '../../src/http/server.js';
import {
  BackgroundRuns,
  scheduledResults,
  startRecount,
  type ScheduledAction,
  type ScheduledResult,
} from '../../src/recounts/index.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { addFullCourses, breakTotals, changesOf, operator, readRun, valueOf, write } from '../support/drift.js';
import { keptLog, type KeptLog, type LogLine } from '../support/log-lines.js';
import { allRows, expectExactCounts } from '../support/rows.js';

const COURSES = 4;
const EACH_SECOND = '* * * * * *';
const ONCE_A_YEAR = '0 0 1 1 *';
/** The numbers of pino's levels. */
const [INFO, WARN, ERROR] = [30, 40, 50];

describeOnEach('a schedule', kind => {
  const leftovers: (() => unknown)[] = [];
  let database: Database;
  let url: string;
  let courses: number[];
  let log: KeptLog;
  let results: ScheduledResult[];

  beforeEach(async () => {
    const opened = await freshDatabase(kind);
    ({ database, url } = opened);
    leftovers.push(() => opened.drop());
    courses = await addFullCourses(database, COURSES);
    await breakTotals(database, courses.slice(1));
    log = keptLog();
    results = [];
    const keep = (result: unknown): void => void results.push(result as ScheduledResult);
    scheduledResults.subscribe(keep);
    leftovers.push(() => scheduledResults.unsubscribe(keep));
  });
  afterEach(async () => {
    for (const tidy of leftovers.splice(0).toReversed()) await tidy();
  });

  function start(pattern: string, action: ScheduledAction, { logger }: KeptLog = log): void {
    const runs = new BackgroundRuns(database, () => undefined);
    leftovers.push(() => runs.stop(60));
    const schedule = new Schedule({ pattern, action, database, runs, logger });
    leftovers.push(() => schedule.stop());
  }
  const told = (msg: string, wanted: (line: LogLine) => boolean = () => true) =>
    log.until(line => line.msg === msg && wanted(line));
  const noRuns = async () =>
    expect(await database.em.getConnection().execute('select id from core_recount_runs')).toEqual([]);

  it('a schedule that verifies warns of drift, publishes it, records a dry run, and changes nothing', async () => {
    const before = await allRows(database);
    start(EACH_SECOND, 'verify');
    const line = await told('a scheduled run found counts that drifted');
    expect(line).toMatchObject({
      level: WARN,
      schedule: EACH_SECOND,
      action: 'verify',
      status: 'SUCCEEDED',
      courses: COURSES,
      drifted: COURSES - 1,
      repaired: 0,
    });
    const run = await readRun(database, line['run'] as number);
    expect(run).toMatchObject({
      kind: RunKind.RECOUNT,
      status: RunStatus.SUCCEEDED,
      dryRun: true,
      startedBy: 'schedule',
      courseIds: null,
    });
    expect((await changesOf(database, run)).map(({ courseId }) => courseId)).toEqual(courses.slice(1));
    expect(results).toContainEqual({ courses: COURSES, drifted: COURSES - 1, repaired: 0, at: run.finishedAt });
    expect(await allRows(database)).toEqual(before);
  });

  it('a schedule that recounts repairs drift, and finds every count right the next time', async () => {
    start(EACH_SECOND, 'recount');
    const line = await told('a scheduled run found counts that drifted');
    expect(line).toMatchObject({ level: WARN, action: 'recount', drifted: COURSES - 1, repaired: COURSES - 1 });
    await expectExactCounts(database);
    const next = await told('a scheduled run found every count correct');
    expect(next).toMatchObject({ level: INFO, courses: COURSES, drifted: 0, repaired: 0 });
    expect(Date.parse(next['moment'] as string)).toBeGreaterThan(Date.parse(line['moment'] as string));
    expect(results.map(({ repaired }) => repaired).slice(0, 2)).toEqual([COURSES - 1, 0]);
  });

  it('a schedule skips a moment while the last run is still working, and that run finishes', async () => {
    const elsewhere = await openDatabase(url);
    leftovers.push(() => elsewhere.close(true));
    const holder = elsewhere.em.fork();
    await holder.begin();
    await holder.execute('update core_course set capacity = 100 where id = ?', [courses[2]!], 'run');
    start(EACH_SECOND, 'recount');
    const passed = await told(
      'a scheduled run was skipped',
      ({ reason }) => reason === 'The previous one is still at work in this process.',
    );
    expect(passed['level']).toBe(INFO);
    await holder.commit();
    const line = await told('a scheduled run found counts that drifted');
    expect(Date.parse(line['moment'] as string)).toBeLessThan(Date.parse(passed['moment'] as string));
    expect(line['repaired']).toBe(COURSES - 1);
  });

  it('a schedule skips a recount while another run holds the courses, and names it', async () => {
    const other = valueOf(await startRecount(database, operator, { startedBy: 'Ada', courseIds: [courses[0]!] }));
    start(EACH_SECOND, 'recount');
    const { reason } = await told('a scheduled run was skipped');
    expect(reason).toContain(`Run ${other.id}, started by Ada, is at work on 1 course(s)`);
  });

  it('a schedule does nothing for moments before its start', async () => {
    start(ONCE_A_YEAR, 'recount');
    const { next } = await told('a schedule is set');
    expect(Date.parse(next as string)).toBeGreaterThan(Date.now());
    await noRuns();
  });

  it('a schedule stops with its server, and starts nothing more', async () => {
    const config = readConfig({
      DATABASE_URL: url,
      PORT: '0',
      HOST: '127.0.0.1',
      NODE_ENV: 'test',
      VERIFY_SCHEDULE: EACH_SECOND,
    });
    const server = await startServer({ config, database, logger: log.logger });
    await told('a scheduled run found counts that drifted');
    await server.close();
    const { length } = log.lines();
    // Another one, on the same database, shows that further moments have come.
    const other = keptLog();
    start(EACH_SECOND, 'verify', other);
    const first = await other.until(({ msg }) => msg.startsWith('a scheduled run'));
    await other.until(({ msg, moment }) => msg.startsWith('a scheduled run') && moment !== first['moment']);
    expect(log.lines().slice(length)).toEqual([]);
  });

  it('a schedule reports a run that failed', async () => {
    await write(database, 'alter table core_recount_changes rename to hidden_changes');
    start(EACH_SECOND, 'recount');
    const line = await told('a scheduled run did not finish');
    expect(line).toMatchObject({
      level: WARN,
      status: 'FAILED',
      error: expect.stringContaining('core_recount_changes'),
    });
    expect(results).toEqual([]);
    await write(database, 'alter table hidden_changes rename to core_recount_changes');
  });

  it('a schedule reports a run that could not be started, and goes on at the next moment', async () => {
    await write(database, 'alter table core_recount_runs rename to hidden_runs');
    start(EACH_SECOND, 'verify');
    expect(await told('the scheduled run could not be started or read')).toMatchObject({
      level: ERROR,
      err: { message: expect.stringContaining('core_recount_runs') },
    });
    await write(database, 'alter table hidden_runs rename to core_recount_runs');
    await told('a scheduled run found counts that drifted');
  });
});
