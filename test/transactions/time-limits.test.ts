import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { poolUse } from '../../src/database/connections/pool-use.js';
import { TimeLimit, withinLimit, type StopReason } from '../../src/database/time-limits/time-limit.js';
import { Role } from '../../src/entities/index.js';
import { enroll } from '../../src/use-cases/enrollments.js';
import { coursesById } from '../../src/reading/index.js';
import { inTransaction, transactionRetries } from '../../src/transactions/transactions.js';
import { addCourse, addUser } from '../support/api.js';
import { promptly, waitUntil } from '../support/wait.js';
import { startBreakingProxy, type BreakingProxy } from '../support/breaking-proxy.js';
import { describeOnEach, describeOnServers, freshDatabase } from '../support/databases.js';
import { holdConnections } from '../support/held-connections.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { isMySql } from '../support/server.js';
import { allRows, expectExactCounts } from '../support/rows.js';

const admin = { userId: null, role: Role.ADMIN };
/** A time limit that only the test ends. */
const HOUR = 3600;

describeOnEach('work within a time limit', kind => {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  let database: Database;
  let other: Database;
  let limit: TimeLimit;
  let course: number;
  let student: number;

  beforeEach(async () => {
    opened = await freshDatabase(kind);
    ({ database } = opened);
    other = await openDatabase(opened.url);
    limit = new TimeLimit(HOUR);
    [course, student] = [await addCourse(database), await addUser(database, Role.STUDENT)];
  });
  afterEach(async () => {
    limit.end();
    await other.close(true);
    await opened.drop();
  });

  const enrolling = () => withinLimit(limit, () => enroll(database, admin, { courseId: course, studentId: student }));
  const isIdle = async (): Promise<boolean> => (await poolUse(database)).active === 0;

  it('work that waits for a connection leaves the queue when the limit ends, and nothing is changed', async () => {
    const before = await allRows(database);
    const release = await holdConnections(database);
    const [writing, reading] = [enrolling(), withinLimit(limit, () => coursesById(database, 'anyone', [course]))];
    await waitUntil(async () => (await poolUse(database)).waiting === 2, 'Nobody waits for a connection.');
    limit.stop('deadline');
    await expect(writing).rejects.toMatchObject({
      code: 'RETRY_LATER',
      message: expect.stringContaining('connections of this server to the database were busy'),
    });
    await expect(reading).rejects.toMatchObject({ reason: 'deadline' });
    expect((await poolUse(database)).waiting).toBe(0);
    await release();
    expect(await allRows(database)).toEqual(before);
  });

  it('work that waits for a lock of another client ends with the limit: nothing is changed, and the connection is free and intact', async () => {
    const before = await allRows(database);
    const holder = other.em.fork();
    await holder.begin();
    await holder.execute('update core_course set capacity = 1 where id = ?', [course], 'run');
    const writing = enrolling();
    if (kind === 'sqlite')
      await waitUntil(async () => (await poolUse(database)).active === 1, 'Nobody waits for the file.');
    else await untilLockWaits(other);
    limit.stop('deadline');
    await expect(writing).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
    // The lock is still held: nothing waits for it any more.
    await waitUntil(isIdle, 'The connection is not given back.');
    await holder.rollback();
    expect(await allRows(database)).toEqual(before);
    expect(await enroll(database, admin, { courseId: course, studentId: student })).toMatchObject({ problems: [] });
    await expectExactCounts(database);
  });

  it.each<StopReason>(['deadline', 'client_gone'])(
    'work begins no statement after the limit has ended (%s), whichever it was to be, and rolls back',
    async reason => {
      const before = await allRows(database);
      const statements: string[] = [];
      database.config.set('onQuery', sql => {
        statements.push(sql);
        return sql;
      });
      const all = enrolling();
      await all;
      const most = statements.length;
      await inTransaction(database, em => em.execute('delete from core_enrollments', [], 'run'));
      await inTransaction(database, em =>
        em.execute('update core_course set total_enrollments = 0, active_enrollments = 0', [], 'run'),
      );
      expect(await allRows(database)).toEqual(before);
      for (let stopAt = 1; stopAt <= most; stopAt += 1) {
        statements.length = 0;
        const own = new TimeLimit(HOUR);
        database.config.set('onQuery', sql => {
          statements.push(sql);
          if (statements.length === stopAt) own.stop(reason);
          return sql;
        });
        const stopped = withinLimit(own, () => enroll(database, admin, { courseId: course, studentId: student }));
        await expect(stopped).rejects.toMatchObject(reason === 'deadline' ? { code: 'REQUEST_TIMEOUT' } : { reason });
        await waitUntil(isIdle, 'The connection is not given back.');
        expect(statements.length).toBe(stopAt);
        database.config.set('onQuery', sql => sql);
        expect(await allRows(database)).toEqual(before);
      }
    },
  );

  it('work ends at the last moment before the commit too', async () => {
    const before = await allRows(database);
    const work = withinLimit(limit, () =>
      inTransaction(database, async em => {
        await em.execute('update core_course set capacity = 3', [], 'run');
        limit.stop('deadline');
      }),
    );
    await expect(work).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
    await waitUntil(isIdle, 'The connection is not given back.');
    expect(await allRows(database)).toEqual(before);
  });

  it('work reports what blocked it, where others did until the limit ended', async () => {
    const deadlock = Object.assign(new Error('Deadlock found'), { errno: 1213 });
    const stop = (message: unknown): void => {
      if ((message as { error: unknown }).error === deadlock) limit.stop('deadline');
    };
    transactionRetries.subscribe(stop);
    const work = withinLimit(limit, () => inTransaction(database, () => Promise.reject(deadlock)));
    await expect(work).rejects.toMatchObject({ code: 'RETRY_LATER', cause: { errno: 1213 } });
    transactionRetries.unsubscribe(stop);
  });
});

describeOnServers('a limit on a statement', kind => {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  beforeEach(async () => {
    opened = await freshDatabase(kind);
  });
  afterEach(() => opened.drop());

  const left = {
    mysql: 'select @@max_execution_time as ms',
    mariadb: 'select @@max_statement_time * 1000 as ms',
    postgresql: "select extract(epoch from current_setting('statement_timeout')::interval) * 1000 as ms",
  }[kind];
  const [id, kill, number] = isMySql(kind)
    ? ['connection_id()', (session: number) => `kill query ${session}`, { errno: 1317 }]
    : ['pg_backend_pid()', (session: number) => `select pg_cancel_backend(${session})`, { code: '57014' }];
  const heavy =
    'select count(*) as n from information_schema.columns a, information_schema.columns b, information_schema.columns c';

  it('the limit on a statement is the time that is left, ends the statement on the server, and does not stay on the connection', async () => {
    const { database } = opened;
    const connection = database.em.getConnection();
    // It has half an hour left and no timer stops it, so that only the server can end it.
    const limit = new TimeLimit(HOUR);
    Object.defineProperty(limit, 'millisecondsLeft', { get: () => 50 });
    await expect(withinLimit(limit, () => connection.execute(heavy))).rejects.toMatchObject({ reason: 'deadline' });
    await waitUntil(async () => (await poolUse(database)).active === 0, 'The connection is not given back.');
    expect(await connection.execute(left)).toEqual([{ ms: expect.toSatisfy(ms => Number(ms) === 0) }]);
    expect(await poolUse(database)).toMatchObject({ active: 0, idle: 1 });
  });

  it('a statement that another client kills is not a mistake of ours: the transaction says that nothing was changed', async () => {
    const { database } = opened;
    const em = database.em.fork();
    const work = inTransaction(database, async inner => {
      const [session] = await inner.execute<[{ id: number }]>(`select ${id} as id`);
      const running = inner.execute(heavy);
      const killing = em.execute(kill(session.id));
      await Promise.all([running, killing]);
    });
    await expect(work).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT', cause: number });
  });
});

describeOnServers('a commit within a time limit', kind => {
  let direct: Awaited<ReturnType<typeof freshDatabase>>;
  let proxy: BreakingProxy;
  let database: Database;
  let course: number;
  let student: number;
  const limit = (): TimeLimit => new TimeLimit(HOUR);

  beforeEach(async () => {
    direct = await freshDatabase(kind);
    const url = new URL(direct.url);
    proxy = await startBreakingProxy(Number(url.port));
    url.port = String(proxy.port);
    database = await openDatabase(url.href);
    [course, student] = [await addCourse(direct.database), await addUser(direct.database, Role.STUDENT)];
  });
  afterEach(async () => {
    await database.close(true);
    await proxy.close();
    await direct.drop();
  });

  const enrolling = (own: TimeLimit) =>
    withinLimit(own, () => enroll(database, admin, { courseId: course, studentId: student }));

  it('a commit is not stopped once it was sent: the answer after the limit says that it is saved', async () => {
    const own = limit();
    const held = proxy.holdAtCommit();
    const work = enrolling(own);
    const release = await promptly(held, 'No commit was sent.');
    own.stop('deadline');
    await setImmediate();
    release();
    expect(await work).toMatchObject({ problems: [], value: { enrollment: { courseId: course } } });
    expect(own.maySave).toBe(true);
    await expectExactCounts(direct.database);
  });

  it('a commit whose answer does not come is reported as unknown, and never as not done', async () => {
    const own = limit();
    const held = proxy.holdAtCommit();
    const work = enrolling(own);
    const release = await promptly(held, 'No commit was sent.');
    own.stop('deadline');
    await expect(work).rejects.toMatchObject({
      code: 'COMMIT_UNKNOWN',
      message: expect.stringContaining('REQUEST_TIMEOUT'),
    });
    expect(own.maySave).toBe(true);
    release();
    await waitUntil(async () => (await poolUse(database)).active === 0, 'The connection is not given back.');
    await expectExactCounts(direct.database);
  });

  it.each(['before', 'after'] as const)(
    'a commit that is lost %s it took place is looked up after the limit has ended',
    async moment => {
      const own = limit();
      const held = proxy.holdAtCommit(moment);
      const work = enrolling(own).then(
        ({ value }) => value !== null,
        (error: { code: string }) => error.code,
      );
      await promptly(held, 'No commit was sent.');
      own.stop('deadline');
      proxy.breakAll();
      expect(await work).toBe(moment === 'after' ? true : 'DATABASE_UNAVAILABLE');
      expect(own.maySave).toBe(moment === 'after');
      const rows = await direct.database.em.getConnection().execute<unknown[]>('select 1 from core_enrollments');
      expect(rows.length).toBe(moment === 'after' ? 1 : 0);
      await expectExactCounts(direct.database);
    },
  );

  it('a commit on an unreachable connection is aborted, and the pool gets its place back', async () => {
    const own = limit();
    const holder = direct.database.em.fork();
    await holder.begin();
    await holder.execute('update core_course set capacity = 9', [], 'run');
    const work = enrolling(own);
    await untilLockWaits(direct.database);
    proxy.refuseNew();
    own.stop('deadline');
    await expect(work).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
    await waitUntil(async () => (await poolUse(database)).active === 0, 'The place in the pool is not given back.');
    await holder.rollback();
    expect((await poolUse(database)).idle).toBe(0);
  });
});
