import { createConnection } from 'mysql2/promise';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { RunStatus } from '../../src/entities/index.js';
import { startRecount, workOn } from '../../src/recounts/index.js';
import { startBreakingProxy, type BreakingProxy } from '../support/breaking-proxy.js';
import { describeOnEach, describeOnMySql, describeOnServers, freshDatabase } from '../support/databases.js';
import {
  addFullCourses,
  breakTotals,
  changesOf,
  continueRun,
  operator,
  recountAll,
  readRun,
  valueOf,
  write,
} from '../support/drift.js';
import { expectExactCounts } from '../support/rows.js';
import { numberKey } from '../support/keys.js';

describeOnEach('an error in the middle of a run', kind => {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  let courses: number[];

  beforeEach(async () => {
    opened = await freshDatabase(kind);
    courses = await addFullCourses(opened.database, 4);
    await breakTotals(opened.database, courses);
  });
  afterEach(() => opened.drop());

  it('a permanent error fails the run, which says so and can be resumed', async () => {
    const { database } = opened;
    const claimed = valueOf(await startRecount(database, operator));
    await write(database, 'alter table core_recount_changes rename to hidden_changes');
    await expect(workOn(database, claimed)).rejects.toThrow(/core_recount_changes/);
    const failed = await readRun(database, claimed.id);
    expect(failed).toMatchObject({ status: RunStatus.FAILED, interrupted: false, checked: 0, repaired: 0 });
    expect(failed.error).toContain('core_recount_changes');
    expect(failed.finishedAt).not.toBeNull();
    await write(database, 'alter table hidden_changes rename to core_recount_changes');
    expect(await continueRun(database, claimed.id)).toMatchObject({
      status: RunStatus.SUCCEEDED,
      error: null,
      repaired: 4,
      checked: 4,
    });
    await expectExactCounts(database);
  });

  it('an error of the caller on hearing of a change leaves the change and its record', async () => {
    const { database } = opened;
    const claimed = valueOf(await startRecount(database, operator));
    const fail = (): never => {
      throw new Error('The printer is on fire.');
    };
    await expect(workOn(database, claimed, { onChange: fail })).rejects.toThrow('The printer is on fire.');
    expect(await readRun(database, claimed.id)).toMatchObject({
      status: RunStatus.FAILED,
      error: 'The printer is on fire.',
      checked: 1,
      repaired: 1,
    });
    expect(await continueRun(database, claimed.id)).toMatchObject({ repaired: 4 });
    expect((await changesOf(database, claimed)).map(({ courseId }) => courseId)).toEqual(courses);
  });
});

describeOnMySql('a privilege that is missing', kind => {
  it('a missing privilege fails a run at once, and the run names it', async () => {
    const opened = await freshDatabase(kind);
    const courses = await addFullCourses(opened.database, 1);
    await breakTotals(opened.database, courses);
    const url = new URL(opened.url);
    const name = url.pathname.slice(1);
    const user = `u_${name.slice(-20)}`;
    const root = await createConnection(opened.url.replace(/^mariadb:/, 'mysql:'));
    for (const sql of [
      `create user '${user}'@'%' identified by 'hidden'`,
      `grant select on ${name}.* to '${user}'@'%'`,
      `grant insert, update on ${name}.core_recount_runs to '${user}'@'%'`,
      `grant insert on ${name}.core_recount_changes to '${user}'@'%'`,
    ])
      await root.query(sql);
    [url.username, url.password] = [user, 'hidden'];
    const database = await openDatabase(url.href);
    let tries = 0;
    database.config.set('onQuery', sql => {
      if (/^select .*core_course.* for update/i.test(sql)) tries += 1;
      return sql;
    });
    const claimed = valueOf(await startRecount(database, operator));
    await expect(workOn(database, claimed)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect(tries).toBe(1);
    expect(await readRun(database, claimed.id)).toMatchObject({
      status: RunStatus.FAILED,
      interrupted: false,
      error: expect.stringMatching(
        /^The database does not allow this server to do that\. .* The database says: .* command denied to user .*core_course/,
      ),
    });
    await database.close(true);
    await root.query(`drop user '${user}'@'%'`);
    await root.end();
    await opened.drop();
  });
});

describeOnServers('a connection that breaks', kind => {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  let proxy: BreakingProxy;
  /** Connected through the proxy. */
  let database: Database;
  let courses: number[];

  beforeEach(async () => {
    opened = await freshDatabase(kind);
    courses = await addFullCourses(opened.database, 4);
    await breakTotals(opened.database, courses);
    const url = new URL(opened.url);
    proxy = await startBreakingProxy(Number(url.port));
    url.port = String(proxy.port);
    database = await openDatabase(url.href);
  });
  afterEach(async () => {
    await database.close(true);
    await proxy.close();
    await opened.drop();
  });

  /**
   * Recounts course by course, and breaks something after this many saved cursors; every repair must be made, recorded
   * and reported once.
   */
  async function expectOnce(saved: number, breaks: () => void): Promise<void> {
    const told: number[] = [];
    let times = 0;
    const run = await recountAll(
      database,
      { batchSize: 1 },
      { onChange: ({ courseId }) => told.push(numberKey(courseId)), onProgress: () => ++times === saved && breaks() },
    );
    expect(proxy.broken).toBeGreaterThan(0);
    expect(run).toMatchObject({ status: RunStatus.SUCCEEDED, checked: 4, drifted: 4, repaired: 4 });
    expect(told).toEqual(courses);
    expect((await changesOf(opened.database, run)).map(({ courseId }) => courseId)).toEqual(courses);
    await expectExactCounts(opened.database);
  }

  it.each(['before', 'after'] as const)(
    'a connection that breaks at the commit of a repair, %s the server has done it, leaves the repair made, recorded and reported once',
    async moment => {
      await expectOnce(2, () => proxy.breakAtCommit(moment));
    },
  );

  it('a run whose connection breaks between two chunks goes on from its cursor', async () => {
    await expectOnce(4, () => proxy.breakAll());
  });
});
