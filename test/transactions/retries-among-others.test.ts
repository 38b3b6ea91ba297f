import { CompiledQuery, type DatabaseConnection } from 'kysely';
import { expect, it } from 'vitest';
import { Course } from '../../src/entities/index.js';
import { startBreakingProxy } from '../support/breaking-proxy.js';
import { describeOnServers } from '../support/databases.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { raiseCapacity, useRetries } from '../support/retries.js';
import { isMySql } from '../support/server.js';

describeOnServers('a transaction beside others', kind => {
  const its = useRetries(kind);
  const ofPostgreSql = {
    deadlock: { code: '40P01' },
    lockWait: { code: '55P03' },
    impatient: "set local lock_timeout = '1s'",
    id: 'pg_backend_pid()',
    end: (session: number) => `select pg_terminate_backend(${session})`,
  };
  const ofMySql = {
    deadlock: { errno: 1213 },
    lockWait: { errno: 1205 },
    impatient: 'set innodb_lock_wait_timeout = 1',
    id: 'connection_id()',
    end: (session: number) => `kill ${session}`,
  };
  const sql = isMySql(kind) ? ofMySql : ofPostgreSql;

  it('a transaction that loses a deadlock is run again, and both are done once', async () => {
    const both = Promise.withResolvers<void>();
    const winner = Promise.withResolvers<void>();
    let there = 0;
    const crossing = async (first: number, second: number) => {
      const ended = await its.run(async (em, attempt) => {
        // PostgreSQL gives a row to whoever asks for it before the one that waits for it is awake: a second deadlock.
        if (attempt > 1) await winner.promise;
        await raiseCapacity(em, first);
        if (attempt === 1 && (there += 1) === 2) both.resolve();
        await both.promise;
        await raiseCapacity(em, second);
      });
      winner.resolve();
      return ended;
    };
    const [one, two] = its.courses;
    const runs = await Promise.all([crossing(one, two), crossing(two, one)]);
    expect(runs.map(({ tries }) => tries).toSorted()).toEqual([1, 2]);
    expect(its.retries).toMatchObject([{ error: sql.deadlock }]);
    expect(await its.capacities()).toEqual([2, 2]);
  });

  it('a transaction that waits too long for a lock is run again', async () => {
    const holder = await its.hold();
    its.onRetry = () => void holder.rollback();
    const { tries } = await its.run(async em => {
      await em.execute(sql.impatient, [], 'run');
      await raiseCapacity(em, its.courses[0]);
    });
    expect(tries).toBe(its.retries.length + 1);
    expect(its.retries[0]).toMatchObject({ error: sql.lockWait });
    expect(await its.capacities()).toEqual([1, null]);
  });

  it.each(['between two statements', 'while it waits for a lock'])(
    'a transaction whose connection is ended %s is run again on another one',
    async moment => {
      const holder = moment === 'while it waits for a lock' ? await its.hold() : null;
      its.onRetry = () => void holder?.rollback();
      const connections = new Set<number>();
      const { tries } = await its.run(async (em, attempt) => {
        await raiseCapacity(em, its.courses[1]);
        const [row] = await em.execute<{ id: number }[]>(`select ${sql.id} as id`);
        connections.add(row!.id);
        const end = (): Promise<unknown> => its.database.em.getConnection().execute(sql.end(row!.id), [], 'run');
        if (attempt === 1 && !holder) await end();
        const raised = raiseCapacity(em, its.courses[0]);
        if (attempt === 1 && holder) await Promise.all([raised, untilLockWaits(its.database).then(end)]);
        await raised;
      });
      expect([tries, connections.size, await its.capacities()]).toEqual([2, 2, [1, 1]]);
    },
  );

  it('a transaction that finds no database is run again until there is one', async () => {
    const url = new URL(its.url);
    const serverPort = Number(url.port);
    const proxy = await startBreakingProxy(serverPort);
    url.port = String(proxy.port);
    await proxy.close();
    its.onRetry = () => {
      if (its.retries.length === 3)
        void startBreakingProxy(serverPort, proxy.port).then(again => its.atTheEnd(() => again.close()));
    };
    const { tries } = await its.run(em => raiseCapacity(em, its.courses[0]), await its.openAgain({}, url.href));
    expect(tries).toBe(1);
    expect(its.retries.length).toBeGreaterThanOrEqual(3);
    expect(its.retries[0]).toMatchObject({ error: { code: 'ECONNREFUSED' } });
    expect(await its.capacities()).toEqual([1, null]);
  });

  it('a transaction that never finds a database ends with DATABASE_UNAVAILABLE after eleven tries, and its work never ran', async () => {
    const url = new URL(its.url);
    const proxy = await startBreakingProxy(Number(url.port));
    url.port = String(proxy.port);
    await proxy.close();
    const work = its.run(em => raiseCapacity(em, its.courses[0]), await its.openAgain({}, url.href));
    await expect(work).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE', cause: { code: 'ECONNREFUSED' } });
    expect([its.retries.length, await its.capacities()]).toEqual([10, [null, null]]);
  });
});

// MySQL has no such error: there a writer overwrites what its snapshot does not show.
describeOnServers(
  'a transaction by snapshot',
  kind => {
    const its = useRetries(kind);

    it('a transaction by snapshot that another one has overtaken is run again', async () => {
      const bySnapshot = await its.openAgain({
        onCreateConnection: async connection => {
          for (const setting of ['transaction isolation level repeatable read', 'innodb_snapshot_isolation = on']) {
            await (connection as DatabaseConnection).executeQuery(CompiledQuery.raw(`set session ${setting}`));
          }
        },
      });
      const { tries } = await its.run(async (em, attempt) => {
        await em.findOneOrFail(Course, its.courses[0]);
        if (attempt === 1) await raiseCapacity(its.database.em.fork(), its.courses[0]);
        await raiseCapacity(em, its.courses[0]);
      }, bySnapshot);
      expect([tries, its.retries, await its.capacities()]).toMatchObject([2, [{ error: { errno: 1020 } }], [2, null]]);
    });
  },
  ['mariadb'],
);
